"""Estimators and Pipelines as nets: preprocessing and outputs become layers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from handgrad.exchange.exporting.parts import Parts
from handgrad.exchange.exporting.wrapper_layers import InverseLink
from handgrad.files.estimators import Pipeline, is_pipeline
from handgrad.textbook.errors import SettingError, described
from handgrad.textbook.kinds import PredictionKind
from handgrad.textbook.layers import Array, Layer, Standardize
from handgrad.textbook.net import Net

if TYPE_CHECKING:
    from sklearn.preprocessing import StandardScaler

MODELS = (
    "a net, MLPClassifier, MLPRegressor, PictureClassifier, TabularClassifier, TabularRegressor, "
    "or a Pipeline"
)
STEPS = "StandardScaler and TableEncoder before MLPClassifier or MLPRegressor"


def parts_of(model: object) -> Parts:
    """Parts of a fitted estimator or Pipeline.

    Estimators provide them by a method `_exported_parts`; a step that encodes tables adds to the
    parts of the following steps by `_exported_before`.
    """
    make = (
        partial(_of_pipeline, model)
        if is_pipeline(model)
        else _own_method(model, "_exported_parts")
    )
    if make is None:
        hint = "hg.export(net, path)"
        if isinstance(model, Layer):
            hint = "hg.export(hg.Net(layer), path)"
        elif hasattr(model, "net_"):
            hint = "hg.export(model.net_, path), for its net only"
        raise SettingError(described(model), MODELS, hint)
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(model)
    except NotFittedError as error:
        raise SettingError(
            f"{type(model).__name__}, which is not fitted", "a fitted model", "model.fit(X, y)"
        ) from error
    return make()


def _own_method(model: object, name: str) -> Callable[..., Parts] | None:
    """Method defined by the class itself: a subclass may predict differently."""
    return getattr(model, name) if name in vars(type(model)) else None


def _of_pipeline(model: Pipeline) -> Parts:
    from sklearn.preprocessing import StandardScaler

    *before, (last_name, last) = model.steps
    parts = parts_of(last) if _own_method(last, "_exported_parts") else None
    if parts is None or (before and (parts.features is not None or parts.center is not None)):
        raise SettingError(
            f"the last step {last_name!r} of the Pipeline, {described(last)}",
            "MLPClassifier or MLPRegressor, after StandardScaler or TableEncoder",
            "make_pipeline(hg.tables.TableEncoder(), hg.MLPClassifier()), or no Pipeline",
        )
    methods = {"scores": "decision_function", "probabilities": "predict_proba"}
    predict = getattr(model, methods.get(parts.output, "predict"))
    parts = replace(parts, predict=of_both(predict) if parts.output == "scores" else predict)
    for i, (name, step) in reversed([*enumerate(before)]):
        before_it = _own_method(step, "_exported_before")
        if type(step) is StandardScaler:
            parts = _scaled(parts, step)
        elif before_it is not None and i == 0:
            parts = before_it(parts)
        elif step != "passthrough":
            raise SettingError(
                f"the step {name!r} of the Pipeline, {described(step)}",
                STEPS,
                "hg.tables.TableEncoder(), which encodes numbers, text, dates and missing values",
            )
    return parts


def _scaled(parts: Parts, step: StandardScaler) -> Parts:
    """Parts with a StandardScaler as the first layer."""
    n = step.n_features_in_
    center = np.zeros(n) if step.mean_ is None or not step.with_mean else step.mean_
    scale = np.ones(n) if step.scale_ is None else step.scale_
    layers = map(copy.deepcopy, parts.net.layers)
    net = Net(Standardize(center, scale), *layers, dtype=parts.net.dtype)
    return replace(parts, net=net, names=column_names(step), center=center, scale=scale)


def followed(net: Net, *layers: Layer) -> Net:
    """Append layers to a net."""
    return Net(*map(copy.deepcopy, net.layers), *layers, dtype=net.dtype) if layers else net


def link_of(kind: PredictionKind) -> list[Layer]:
    """Layer of the inverse link function, if there is one."""
    return [InverseLink(kind)] if type(kind).inverse_link is not PredictionKind.inverse_link else []


def column_names(model: object) -> tuple[str, ...]:
    """Names of the columns that the model was fitted to, if any."""
    return tuple(map(str, getattr(model, "feature_names_in_", ())))


def of_both(scores: Callable[[object], Array]) -> Callable[[object], Array]:
    """Scores of both classes, for a binary classifier with one score."""

    def of_both(x: object) -> Array:
        s = scores(x)
        return np.stack([-s, s], axis=1) if s.ndim == 1 else s

    return of_both

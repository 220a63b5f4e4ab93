"""What estimators and Pipelines of them come to: a net with all that is around it as pages."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from handgrad.exchange.exporting.parts import Kind, Output, Parts
from handgrad.exchange.exporting.wrapper_layers import (
    BothClasses,
    BothScores,
    EachMember,
    InverseLink,
    MeanOfMembers,
    Numbers,
    Temperature,
)
from handgrad.files.estimators import Pipeline, is_pipeline
from handgrad.tables.data.unseen_values import no_unseen_warnings
from handgrad.tables.estimators import MLPClassifier, MLPRegressor, PictureClassifier
from handgrad.tables.tabular import TableEncoder, TabularClassifier, TabularRegressor
from handgrad.textbook.errors import SettingError, described
from handgrad.textbook.kinds import PredictionKind, Scores
from handgrad.textbook.layers import Array, Layer, Softmax, Standardize
from handgrad.textbook.net import Net

MODELS = (
    "a net, MLPClassifier, MLPRegressor, PictureClassifier, TabularClassifier, TabularRegressor, "
    "or a Pipeline"
)
STEPS = "StandardScaler and TableEncoder before MLPClassifier or MLPRegressor"


def parts_of(model: object) -> Parts:
    """The parts of a fitted estimator, or of a Pipeline."""
    if not is_pipeline(model) and type(model) not in OF_MODELS:
        hint = "hg.export(net, path)"
        if isinstance(model, Layer):
            hint = "hg.export(hg.Net(layer), path)"
        elif hasattr(model, "net_"):
            hint = "hg.export(model.net_, path), the net in it alone"
        raise SettingError(described(model), MODELS, hint)
    try:
        check_is_fitted(model)
    except NotFittedError as error:
        raise SettingError(
            f"{type(model).__name__}, which is not fitted", "a fitted model", "model.fit(X, y)"
        ) from error
    return _of_pipeline(model) if is_pipeline(model) else OF_MODELS[type(model)](model)


def _of_classifier(model: MLPClassifier) -> Parts:
    if model._label_binarizer.y_type_ == "multilabel-indicator":
        raise SettingError(
            f"{type(model).__name__} of several labels a row",
            "one class a row",
            "hg.export(model.net_, path), which gives a logit for each label",
        )
    net, loss = model._current_net(), model._loss
    scored = isinstance(loss.input_kind, Scores)
    both = [] if model.n_outputs_ > 1 else [BothScores() if scored else BothClasses()]
    linked = [] if scored else _link(loss.input_kind)

    return Parts(
        "classifier",
        "scores" if scored else "probabilities",
        _followed(net, *linked, *both),
        _of_both(model.decision_function) if scored else model.predict_proba,
        _names(model),
        model.classes_,
    )


def _of_regressor(model: MLPRegressor) -> Parts:
    net = _followed(model._current_net(), *_link(model._loss.input_kind))
    return Parts("regressor", "values", net, model.predict, _names(model))


def _of_pictures(model: PictureClassifier) -> Parts:
    """A classifier whose numbers are those of pixels, from 0 to 1."""
    parts, middle = _of_classifier(model), np.full(model.n_features_in_, 0.5)
    return replace(parts, center=middle, scale=middle / 2)


def _of_table(model: TabularClassifier | TabularRegressor) -> Parts:
    """Members side by side, what they say on average, and how the table becomes their rows."""
    net, features = model.net_, model.features_
    first = EachMember(features.n_out, len(model.best_epochs_))
    after: list[Layer]
    if isinstance(model, TabularClassifier):
        after = [Temperature(float(model.temperature_)), Softmax(), MeanOfMembers()]
        kind: tuple[Kind, Output] = "classifier", "probabilities"
        predict, classes = model.predict_proba, model.classes_
    else:
        after = [MeanOfMembers(), Numbers(*model.target_)]
        kind, predict, classes = ("regressor", "values"), model.predict, None
    whole = Net(first, *map(copy.deepcopy, net.layers), *after, dtype=net.dtype)
    names = tuple(features.names())
    return Parts(*kind, whole, _quietly(predict), names, classes, features)


OF_MODELS: dict[type, Callable[[Any], Parts]] = {
    MLPClassifier: _of_classifier,
    MLPRegressor: _of_regressor,
    PictureClassifier: _of_pictures,
    TabularClassifier: _of_table,
    TabularRegressor: _of_table,
}


def _of_pipeline(model: Pipeline) -> Parts:
    *before, (last_name, last) = model.steps
    if type(last) not in OF_MODELS or (before and type(last) not in (MLPClassifier, MLPRegressor)):
        raise SettingError(
            f"the last step {last_name!r} of the Pipeline, {described(last)}",
            "MLPClassifier or MLPRegressor, after StandardScaler or TableEncoder",
            "make_pipeline(hg.TableEncoder(), hg.MLPClassifier()); others go alone",
        )
    parts = parts_of(last)
    methods = {"scores": "decision_function", "probabilities": "predict_proba"}
    predict = getattr(model, methods.get(parts.output, "predict"))
    parts = replace(parts, predict=_of_both(predict) if parts.output == "scores" else predict)
    for i, (name, step) in reversed([*enumerate(before)]):
        if type(step) is StandardScaler:
            parts = _scaled(parts, step)
        elif type(step) is TableEncoder and i == 0:
            features, names = step.features_, (*step.features_.names(),)
            parts = replace(parts, features=features, names=names, predict=_quietly(parts.predict))
        elif step != "passthrough":
            raise _refused(name, step)
    return parts


def _refused(name: str, step: object) -> SettingError:
    return SettingError(
        f"the step {name!r} of the Pipeline, {described(step)}",
        STEPS,
        "hg.TableEncoder(), which scales numbers and encodes text, dates and gaps",
    )


def _scaled(parts: Parts, step: StandardScaler) -> Parts:
    """The parts, with what the step does before the net."""
    n = step.n_features_in_
    center = np.zeros(n) if step.mean_ is None or not step.with_mean else step.mean_
    scale = np.ones(n) if step.scale_ is None else step.scale_
    layers = map(copy.deepcopy, parts.net.layers)
    net = Net(Standardize(center, scale), *layers, dtype=parts.net.dtype)
    return replace(parts, net=net, names=_names(step), center=center, scale=scale)


def _followed(net: Net, *layers: Layer) -> Net:
    """The net, followed by such layers."""
    return Net(*map(copy.deepcopy, net.layers), *layers, dtype=net.dtype) if layers else net


def _link(kind: PredictionKind) -> list[Layer]:
    """What makes probabilities, rates or numbers of the output, where it is something else."""
    return [InverseLink(kind)] if type(kind).inverse_link is not PredictionKind.inverse_link else []


def _names(model: object) -> tuple[str, ...]:
    """The names of the columns that it was fitted to, if they had any."""
    return tuple(map(str, getattr(model, "feature_names_in_", ())))


def _of_both(scores: Callable[[object], Array]) -> Callable[[object], Array]:
    """A score for each class, where two classes have one score for the second."""

    def of_both(x: object) -> Array:
        s = scores(x)
        return np.stack([-s, s], axis=1) if s.ndim == 1 else s

    return of_both


def _quietly(predict: Callable[[object], Array]) -> Callable[[object], Array]:
    """Predictions without warnings of values that are unseen, as examples have them."""

    def quietly(table: object) -> Array:
        with no_unseen_warnings():
            return predict(table)

    return quietly

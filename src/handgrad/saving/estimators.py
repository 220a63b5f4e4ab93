"""Fitted estimators in files: parameters, what was fitted, the net; alone or in a Pipeline."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Protocol, TypeGuard

import numpy as np

from handgrad.base.errors import SettingError, described
from handgrad.layers import Array, Layer
from handgrad.net import Net
from handgrad.saving.architecture import LAYERS, Reader, Writer
from handgrad.saving.entries import PACKAGES, PIPELINE_SETTINGS, EstimatorEntry, PipelineEntry
from handgrad.saving.names import all_learned, learned
from handgrad.saving.nets import described_net, fill, layers_of_ones_own, net_from
from handgrad.saving.same import check_same
from handgrad.saving.tensors import damaged, refused_as_damaged, shown
from handgrad.saving.values import read_value, written


class Estimator(Protocol):
    """The methods by which an estimator is saved, beside scikit-learn's."""

    def get_params(self, deep: bool = ...) -> dict[str, Any]:
        """Its parameters, by name."""

    @classmethod
    def _get_param_names(cls) -> list[str]:
        """Their names."""

    def _to_file(self) -> tuple[dict[str, Any], Net | None]:
        """The fitted state, as JSON by name, and the net."""

    def _from_file(self, fitted: dict[str, object], net: Net | None) -> None:
        """Take up what was fitted, or raise an error for what no fit leaves."""


class Pipeline(Protocol):
    """A Pipeline of scikit-learn."""

    steps: list[tuple[str, object]]


@dataclass
class EstimatorWriter:
    """Describes estimators; what they hold in arrays is put by, under its name in the file."""

    net: Net | None = None
    own: dict[str, type[Layer]] = field(default_factory=dict)
    arrays: dict[str, Array] = field(default_factory=dict)

    def described(self, model: object) -> dict[str, Any]:
        """An estimator, or a Pipeline of them, as JSON."""
        if _is_sklearns(model):
            return self._pipeline(model)
        name = type(model).__name__
        kind = kind_of(name)
        if kind is None or type(model) is not kind:
            raise SettingError(
                described(model),
                "a net, one of handgrad's estimators that are fitted, or a Pipeline of these alone",
                "hg.save(hg.Net(layer), path)"
                if isinstance(model, Layer)
                else "hg.TableEncoder() in place of scalers and encoders, or a pickle of the whole",
            )
        if not _is_fitted(model):
            raise SettingError(
                f"{name}, which is not fitted", "a fitted estimator", "model.fit(X, y) first"
            )
        if getattr(model, "_sklearn_output_config", {}).get("transform", "default") != "default":
            raise SettingError(
                f"{name}, which puts out frames",
                "arrays, as set_output(transform='default') gives",
                "that, and fit the whole again; set_output for what hg.load gives",
            )
        fitted, net = model._to_file()
        entry = {"estimator": name, "settings": self._settings(model), "fitted": fitted}
        return entry | self._of_net(net)

    def _pipeline(self, model: Pipeline) -> dict[str, Any]:
        for name in ("memory", "transform_input"):
            if getattr(model, name, None) is not None:
                raise SettingError(
                    f"a Pipeline with {name}={shown(getattr(model, name))}",
                    f"{name}=None",
                    f"pipeline.set_params({name}=None) before it is saved",
                )
        return {
            "estimator": "Pipeline",
            "settings": {name: getattr(model, name) for name in PIPELINE_SETTINGS},
            "steps": [[name, self.described(step)] for name, step in model.steps],
        }

    def _settings(self, model: Estimator) -> dict[str, object]:
        """The parameters as JSON; a SettingError for what a file cannot hold."""
        settings = {}
        for name, value in model.get_params(deep=False).items():
            try:
                settings[name] = written(value, self._layer, name)
            except TypeError as error:
                usual = "0" if name == "random_state" else repr(type(model)().get_params()[name])
                raise SettingError(
                    f"{type(model).__name__} has the parameter {name}={error}",
                    "numbers, words, None, layers, losses, optimizers, or lists, tuples and dicts "
                    "of them",
                    f"model.set_params({name}={usual}) before it is saved: predictions do not need "
                    "it",
                ) from None
        return settings

    def _layer(self, layer: Layer, place: str) -> dict[str, object]:
        writer = Writer()
        said = writer.described(layer, place)
        for path, inner in layer.walk(place):
            self._put(dict(learned(inner, path)))
        self._put(writer.arrays)
        self.own |= layers_of_ones_own(layer, LAYERS)
        return said

    def _of_net(self, net: Net | None) -> dict[str, Any]:
        if net is None:
            return {"net": None, "frozen": []}
        if self.net is not None:
            raise SettingError(
                "a Pipeline with two nets", "one net, in its last step", "a file for each"
            )
        return self.net_alone(net)

    def net_alone(self, net: Net) -> dict[str, Any]:
        """A net as JSON."""
        writer, self.net = Writer(), net
        said = described_net(net, writer)
        self._put(all_learned(net))
        self._put(writer.arrays)
        self.own |= layers_of_ones_own(net, LAYERS)
        return said

    def _put(self, arrays: Mapping[str, Array]) -> None:
        if twice := arrays.keys() & self.arrays.keys():
            raise SettingError(
                f"two arrays called {', '.join(sorted(twice))}",
                "a name of its own for each",
                "another name for the setting",
            )
        self.arrays |= arrays


@dataclass
class EstimatorReader:
    """Makes estimators as a file describes them, of handgrad's own classes alone."""

    tensors: Mapping[str, Array]
    own: Mapping[str, type[Layer]]
    net: Net | None = None

    def __post_init__(self) -> None:
        self.of_net, self.of_settings = (Reader(self.tensors, self.own) for _ in range(2))

    @property
    def used(self) -> set[str]:
        """The tensors that belong to something."""
        return self.of_net.used | self.of_settings.used

    def model(self, entry: EstimatorEntry | PipelineEntry) -> Any:
        """The estimator, or the Pipeline, that is described so."""
        if isinstance(entry, PipelineEntry):
            return self._pipeline(entry)
        kind: type[Estimator] = getattr(PACKAGES[entry.name](), entry.name)
        with refused_as_damaged(entry.name, "what a fit leaves"):
            model = kind(**self._settings(kind, entry.settings))
            model._from_file(entry.fitted, self._net(entry))
        return model

    def _pipeline(self, entry: PipelineEntry) -> Any:
        from sklearn.pipeline import Pipeline

        models = [(name, self.model(step)) for name, step in entry.steps]
        for (_, before), (name, after) in pairwise(models):
            n_out = len(before.get_feature_names_out())
            if after.n_features_in_ != n_out:
                came = f"the step {shown(name)} for {after.n_features_in_} numbers a row"
                raise damaged(came, f"{n_out}, as the step before gives")
        return Pipeline(models, **entry.settings)

    def _settings(self, kind: type[Estimator], said: dict[str, object]) -> dict[str, Any]:
        known = kind._get_param_names()
        for name in said:
            if name not in known:
                expected = ", ".join(known) or "no settings"
                raise damaged(f"{kind.__name__}: a setting {shown(name)}", expected)
        return {name: read_value(value, self._layer, name) for name, value in said.items()}

    def _layer(self, said: object, place: str) -> Layer:
        layer = self.of_settings.layer(said, place)
        for path, inner in layer.walk(place):
            for tensor, array in learned(inner, path):
                fill({tensor: array}, array.dtype, self.tensors)
        return layer

    def _net(self, entry: EstimatorEntry) -> Net | None:
        if entry.net is None:
            if entry.frozen != []:
                raise damaged(f"{shown(entry.frozen)} as frozen", "no layers, without a net")
            return None
        if self.net is not None:
            raise damaged("a second net", "one net, in the last step")
        return self.net_alone(entry.net, entry.frozen)

    def net_alone(self, net: object, frozen: object) -> Net:
        """The net that is described so."""
        self.net = net_from(net, frozen, self.of_net)
        return self.net


def check_model_came_back(
    model: object, twin: object, writer: EstimatorWriter, document: object
) -> None:
    """Refuse a twin that would be described otherwise, or lacks something that was fitted."""
    again = EstimatorWriter()
    same = again.described(twin) == document and all(
        np.array_equal(array, again.arrays[name]) for name, array in writer.arrays.items()
    )
    if not same:
        raise SettingError(
            "parameters or fitted attributes that differ",
            "those that a fit leaves",
            "what was set by hand as the fit left it",
        )
    if writer.net is not None and again.net is not None:
        check_same(writer.net, again.net)
    _check_attributes(model, twin)


def _check_attributes(model: object, twin: object) -> None:
    """Refuse a twin that lacks one of the attributes that scikit-learn calls fitted."""
    if _is_sklearns(model) and _is_sklearns(twin):
        for (_, step), (_, other) in zip(model.steps, twin.steps, strict=True):
            _check_attributes(step, other)
        return
    fitted = {name for name in vars(model) if name.endswith("_") and not name.startswith("_")}
    if lost := sorted(fitted - vars(twin).keys()):
        raise SettingError(
            f"{type(model).__name__} has {', '.join(lost)}, which the file does not keep",
            "the attributes of its fit",
            f"del model.{lost[0]}, if it was set by hand",
        )


def kind_of(name: str) -> type[Estimator] | None:
    """The estimator of handgrad's that is called so; None for any other name."""
    return getattr(PACKAGES[name](), name) if name in PACKAGES else None


def _is_fitted(model: object) -> bool:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(model)
    except NotFittedError:
        return False
    return True


def _is_sklearns(model: object) -> TypeGuard[Pipeline]:
    from sklearn.pipeline import Pipeline

    return type(model) is Pipeline

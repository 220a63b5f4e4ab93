"""Fitted estimators in files, alone or in a Pipeline: written, checked and created."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from types import ModuleType
from typing import Any, Protocol, TypedDict, TypeGuard

from handgrad.files.architecture import LayerReader, LayerWriter
from handgrad.files.tensors import damaged, refused_as_damaged, shown
from handgrad.files.values import read_value, written
from handgrad.files.weights import fill
from handgrad.textbook.errors import FileError, SettingError, described, did_you_mean
from handgrad.textbook.install import require
from handgrad.textbook.layers import Array, Layer
from handgrad.textbook.net import Net

MOST_STEPS = 100
ARRAYS = "arrays."  # prefix of fitted arrays in a file, beside those of the net
KEYS = {"estimator", "settings", "fitted", "net", "frozen"}
PIPELINE_KEYS = {"estimator", "settings", "steps"}
PIPELINE_SETTINGS = ("verbose",)  # those that a file stores
# Importers of the package of each estimator, registered by handgrad/__init__.py.
PACKAGES: dict[str, Callable[[], ModuleType]] = {}
# They are no transformers.
LAST = ("TabularClassifier", "TabularRegressor", "TabularSurvival", "Forecaster")


class Summary(TypedDict, total=False):
    """Summary of an estimator's file: the kinds of its columns, its classes and its target."""

    columns: dict[str, str]
    classes: list[object]
    target: dict[str, object]


@dataclass(frozen=True)
class Entry:
    """Description of an estimator in a file, or of a Pipeline, which has `steps` by name."""

    name: str
    settings: dict[str, object]
    fitted: dict[str, object] = field(default_factory=dict)
    net: object = None
    frozen: object = None
    steps: tuple[tuple[str, "Entry"], ...] = ()

    def with_net(self) -> "Entry":
        """Entry with the net: the estimator, or the step of a Pipeline that has one."""
        parts = [step for _, step in self.steps] or [self]
        return next((part for part in parts if part.net is not None), parts[-1])


def entry_of(said: object) -> Entry:
    """Parse the description of an estimator or a Pipeline; FileError if it is neither."""
    if isinstance(said, dict) and said.get("estimator") == "Pipeline":
        return _pipeline_of(said)
    return _estimator_of(said)


def _pipeline_of(entry: dict[str, object]) -> Entry:
    steps, settings = entry.get("steps"), entry.get("settings")
    if set(entry) != PIPELINE_KEYS or not isinstance(steps, list) or not isinstance(settings, dict):
        raise damaged(f"{shown(entry)} as a Pipeline", ", ".join(sorted(PIPELINE_KEYS)))
    if set(settings) != {*PIPELINE_SETTINGS} or type(settings["verbose"]) is not bool:
        raise damaged(f"a Pipeline with {shown(settings)}", "verbose, true or false")
    names = [step[0] if isinstance(step, list) and len(step) == 2 else None for step in steps]
    if not 1 <= len(steps) <= MOST_STEPS or not all(
        isinstance(name, str) and name and "__" not in name for name in names
    ):
        raise damaged(f"the steps {shown(names)}", "names and estimators")
    if len(set(names)) != len(names) or set(names) & {"memory", *PIPELINE_SETTINGS, "steps"}:
        raise damaged(f"the steps {shown(names)}", "a name of its own for each")
    for _, step in steps:
        if not isinstance(step, dict) or step.get("estimator") == "Pipeline":
            raise damaged(f"the step {shown(step)}", "an estimator")
    entries = tuple((name, _estimator_of(step)) for name, step in steps)
    if any(step.name in LAST for _, step in entries[:-1]):
        raise damaged(f"the steps {shown(names)}", "transformers before the last")
    if sum(step.net is not None for _, step in entries) > 1:
        raise damaged("a second net", "one net, in the last step")
    return Entry("Pipeline", settings, steps=entries)


def _estimator_of(said: object) -> Entry:
    entry = said if isinstance(said, dict) else {}
    name = entry.get("estimator")
    if not isinstance(name, str) or name not in PACKAGES:
        known = [*PACKAGES, "Pipeline"]
        raise FileError(
            f"the estimator {shown(name)}",
            f"one of {', '.join(known)}",
            did_you_mean(shown(name), known, "a newer handgrad, which may have it"),
        )
    if set(entry) != KEYS or not all(isinstance(entry[k], dict) for k in ("settings", "fitted")):
        raise damaged(f"the keys {shown(sorted(entry))} of {name}", ", ".join(sorted(KEYS)))
    return Entry(name, *(entry[key] for key in ("settings", "fitted", "net", "frozen")))


class Estimator(Protocol):
    """Protocol of an estimator that can be saved."""

    def get_params(self, deep: bool = ...) -> dict[str, Any]:
        """Parameters by name."""

    @classmethod
    def _get_param_names(cls) -> list[str]:
        """Names of the parameters."""

    def _to_file(self) -> tuple[dict[str, Any], Net | None]:
        """Fitted state as JSON by name, and the net."""

    def _from_file(self, fitted: dict[str, object], net: Net | None) -> None:
        """Restore the fitted state; an error if it cannot come from a fit."""


class Pipeline(Protocol):
    """Protocol of scikit-learn's Pipeline."""

    steps: list[tuple[str, object]]


@dataclass
class ModelWriter(LayerWriter):
    """Writer that describes nets, estimators and Pipelines; `net` is the described net."""

    net: Net | None = None

    def document(self, model: object) -> dict[str, Any]:
        """Describe a model, with the version of the format."""
        if isinstance(model, Net):
            return {"format_version": 1, **self._net(model)}
        return {"format_version": 2, "model": self._model(model)}

    def _model(self, model: object) -> dict[str, Any]:
        if is_pipeline(model):
            return self._pipeline(model)
        name = type(model).__name__
        kind: type[Estimator] | None = None
        if name in PACKAGES:
            kind = getattr(PACKAGES[name](), name)
        if kind is None or type(model) is not kind:
            raise SettingError(
                described(model),
                "a net, a fitted estimator of handgrad, or a Pipeline of these",
                "hg.save(hg.Net(layer), path)"
                if isinstance(model, Layer)
                else "hg.tables.TableEncoder() instead of scalers and encoders, or pickle",
            )
        from sklearn.exceptions import NotFittedError
        from sklearn.utils.validation import check_is_fitted

        try:
            check_is_fitted(model)
        except NotFittedError as error:
            raise SettingError(
                f"{name}, which is not fitted", "a fitted estimator", "model.fit(X, y) first"
            ) from error
        if getattr(model, "_sklearn_output_config", {}).get("transform", "default") != "default":
            raise SettingError(
                f"{name}, which outputs data frames",
                "arrays, as after set_output(transform='default')",
                "set_output(transform='default') and another fit; set_output again after hg.load",
            )
        fitted, net = model._to_file()
        of_fit: dict[str, Array] = fitted.pop("arrays", {})
        self.arrays |= {f"{ARRAYS}{name}": array for name, array in of_fit.items()}
        entry = {"estimator": name, "settings": self._settings(model), "fitted": fitted}
        if net is None:
            return entry | {"net": None, "frozen": []}
        if self.net is not None:
            raise SettingError(
                "a Pipeline with two nets", "one net, in its last step", "a file for each"
            )
        return entry | self._net(net)

    def _net(self, net: Net) -> dict[str, Any]:
        self.net, entry = net, self.whole(net)
        return {"net": entry, "frozen": [p for p, layer in net.walk() if not layer.trainable]}

    def _pipeline(self, model: Pipeline) -> dict[str, Any]:
        for name in ("memory", "transform_input"):
            if getattr(model, name, None) is not None:
                raise SettingError(
                    f"a Pipeline with {name}={shown(getattr(model, name))}",
                    f"{name}=None",
                    f"pipeline.set_params({name}=None) before saving",
                )
        return {
            "estimator": "Pipeline",
            "settings": {name: getattr(model, name) for name in PIPELINE_SETTINGS},
            "steps": [[name, self._model(step)] for name, step in model.steps],
        }

    def _settings(self, model: Estimator) -> dict[str, object]:
        """Parameters as JSON; SettingError for values that a file cannot hold."""
        settings = {}
        for name, value in model.get_params(deep=False).items():
            try:
                settings[name] = written(value, self.whole, name)
            except TypeError as error:
                usual = "0" if name == "random_state" else repr(type(model)().get_params()[name])
                raise SettingError(
                    f"{type(model).__name__} has the parameter {name}={error}",
                    "numbers, str, None, layers, losses, optimizers, or lists, tuples and dicts "
                    "of them",
                    f"model.set_params({name}={usual}) before saving, if predictions allow",
                ) from None
        return settings


class ModelReader(LayerReader):
    """Reader that creates nets and estimators, only of handgrad's classes."""

    def model(self, entry: Entry) -> Any:
        """Create the estimator or Pipeline of a description."""
        if entry.steps:
            return self._pipeline(entry)
        kind: type[Estimator] = getattr(PACKAGES[entry.name](), entry.name)
        with refused_as_damaged(entry.name, "what a fit leaves"):
            model = kind(**self._settings(kind, entry.settings))
            net = self._net(entry)
            model._from_file(entry.fitted | self._fitted_arrays(net), net)
        return model

    def _fitted_arrays(self, net: Net | None) -> dict[str, object]:
        """Fitted arrays beside those of the net, of the estimator that has one."""
        names = [name for name in self.tensors if net is not None and name.startswith(ARRAYS)]
        self.used.update(names)
        arrays = {name.removeprefix(ARRAYS): self.tensors[name] for name in names}
        return {"arrays": arrays} if arrays else {}

    def _pipeline(self, entry: Entry) -> Any:
        require("a Pipeline", tables=["sklearn"])
        from sklearn.pipeline import Pipeline

        models = [(name, self.model(step)) for name, step in entry.steps]
        for (_, before), (name, after) in pairwise(models):
            n_out = len(before.get_feature_names_out())
            if after.n_features_in_ != n_out:
                came = f"the step {shown(name)} for {after.n_features_in_} features"
                raise damaged(came, f"{n_out}, the number of the step before")
        return Pipeline(models, **entry.settings)

    def _settings(self, kind: type[Estimator], said: dict[str, object]) -> dict[str, Any]:
        known = kind._get_param_names()
        for name in said:
            if name not in known:
                expected = ", ".join(known) or "no settings"
                raise damaged(f"{kind.__name__}: a setting {shown(name)}", expected)
        return {name: read_value(value, self.whole, name) for name, value in said.items()}

    def _net(self, entry: Entry) -> Net | None:
        if entry.net is None:
            if entry.frozen != []:
                raise damaged(f"{shown(entry.frozen)} as frozen", "no layers, without a net")
            return None
        return self.net_of(entry.net, entry.frozen)

    def net_of(self, said: object, frozen: object) -> Net:
        """Create the net of a description, with its frozen layers."""
        before = len(self.made)
        net = self.layer(said, "")
        walked = dict(net.walk())
        if not isinstance(net, Net):
            raise damaged(f"{shown(net)} as the whole", "a net")
        if len(walked) != len(self.made) - before:
            raise damaged("a layer among settings that no layer stores", "layers in self.layers")
        fill(net, "", self.tensors)
        if not isinstance(frozen, list) or not all(
            isinstance(place, str) and place in walked for place in frozen
        ):
            raise damaged(f"{shown(frozen)} as frozen", "a list of layers' paths, such as 0.1")
        for place in frozen:
            walked[place].trainable = False
        return net


def is_pipeline(model: object) -> TypeGuard[Pipeline]:
    """Check for scikit-learn's Pipeline, not a subclass."""
    loaded = sys.modules.get("sklearn.pipeline")  # without it there is none
    return loaded is not None and type(model) is loaded.Pipeline

"""Fitted estimators in files: parameters, what was fitted, the net; alone or in a Pipeline."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from handgrad.errors import SettingError, described, did_you_mean
from handgrad.files import FileError
from handgrad.layers import Array, Layer
from handgrad.net import Net
from handgrad.saving.architecture import LAYERS, Reader, Writer
from handgrad.saving.names import all_learned, learned
from handgrad.saving.nets import described_net, fill, layers_of_ones_own, net_from
from handgrad.saving.same import check_same
from handgrad.saving.tensors import damaged, refused_as_damaged, shown
from handgrad.saving.values import read_value, written_setting

MOST_STEPS = 100
KEYS = {"estimator", "settings", "fitted", "net", "frozen"}
PIPELINE_KEYS = {"estimator", "settings", "steps"}
PIPELINES = ("verbose",)  # the settings of a Pipeline that a file keeps
# What imports the package of each estimator and of the summary of its file, entered from above.
PACKAGES: dict[str, Callable[[], ModuleType]] = {}
LAST = ("TabularClassifier", "TabularRegressor")  # they transform nothing


class Estimator(Protocol):
    """What an estimator has to have so that it can be saved, beside scikit-learn's parameters."""

    def get_params(self, deep: bool = ...) -> dict[str, Any]:
        """Its parameters, by name."""

    def _to_file(self) -> tuple[dict[str, Any], Net | None]:
        """What was fitted, as JSON by name, and the net."""

    def _from_file(self, fitted: dict[str, Any], net: Net | None) -> None:
        """Take up what was fitted, or raise an error for what no fit leaves."""


@dataclass
class EstimatorWriter:
    """Describes estimators; what they hold in arrays is put by, under its name in the file."""

    net: Net | None = None
    own: dict[str, type[Layer]] = field(default_factory=dict)
    arrays: dict[str, Array] = field(default_factory=dict)

    def described(self, model: Any) -> dict[str, Any]:
        """An estimator, or a Pipeline of them, as JSON."""
        if _is_sklearns(model):
            return self._pipeline(model)
        name = type(model).__name__
        if kind_of(name) is not type(model):
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

    def _pipeline(self, model: Any) -> dict[str, Any]:
        for name in ("memory", "transform_input"):
            if getattr(model, name, None) is not None:
                raise SettingError(
                    f"a Pipeline with {name}={shown(getattr(model, name))}",
                    f"{name}=None",
                    f"pipeline.set_params({name}=None) before it is saved",
                )
        return {
            "estimator": "Pipeline",
            "settings": {name: getattr(model, name) for name in PIPELINES},
            "steps": [[name, self.described(step)] for name, step in model.steps],
        }

    def _settings(self, model: Any) -> dict[str, Any]:
        return {
            name: written_setting(model, name, value, self._layer)
            for name, value in model.get_params(deep=False).items()
        }

    def _layer(self, layer: Layer, place: str) -> Any:
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

    def model(self, entry: Any) -> Any:
        """The estimator, or the Pipeline, that is described so."""
        if is_pipeline(entry):
            return self._pipeline(entry)
        name = _checked_name(entry)
        kind = kind_of(name)
        with refused_as_damaged(name, "what a fit leaves"):
            model = kind(**self._settings(kind, entry["settings"]))
            net = self._net(entry)
            model._from_file(entry["fitted"], net)
        return model

    def _pipeline(self, entry: dict[str, Any]) -> Any:
        from sklearn.pipeline import Pipeline

        steps, settings = steps_of(entry)
        models = [(name, self.model(step)) for name, step in steps]
        for (_, before), (name, after) in pairwise(models):
            n_out = len(before.get_feature_names_out())
            if after.n_features_in_ != n_out:
                came = f"the step {shown(name)} for {after.n_features_in_} numbers a row"
                raise damaged(came, f"{n_out}, as the step before gives")
        return Pipeline(models, **settings)

    def _settings(self, kind: Any, said: dict[str, Any]) -> dict[str, Any]:
        known = kind._get_param_names()
        for name in said:
            if name not in known:
                expected = ", ".join(known) or "no settings"
                raise damaged(f"{kind.__name__}: a setting {shown(name)}", expected)
        return {name: read_value(value, self._layer, name) for name, value in said.items()}

    def _layer(self, said: Any, place: str) -> Layer:
        layer = self.of_settings.layer(said, place)
        for path, inner in layer.walk(place):
            for tensor, array in learned(inner, path):
                fill({tensor: array}, array.dtype, self.tensors)
        return layer

    def _net(self, entry: dict[str, Any]) -> Net | None:
        if entry["net"] is None:
            if entry["frozen"] != []:
                raise damaged(f"{shown(entry['frozen'])} as frozen", "no layers, without a net")
            return None
        if self.net is not None:
            raise damaged("a second net", "one net, in the last step")
        return self.net_alone(entry)

    def net_alone(self, entry: Mapping[str, Any]) -> Net:
        """The net that is described so."""
        self.net = net_from(entry, self.of_net)
        return self.net


def steps_of(entry: dict[str, Any]) -> tuple[list[tuple[str, Any]], dict[str, Any]]:
    """The steps of a described Pipeline and its settings, checked."""
    steps, settings = entry.get("steps"), entry.get("settings")
    if set(entry) != PIPELINE_KEYS or not isinstance(steps, list) or not isinstance(settings, dict):
        raise damaged(f"{shown(entry)} as a Pipeline", ", ".join(sorted(PIPELINE_KEYS)))
    if set(settings) != set(PIPELINES) or type(settings["verbose"]) is not bool:
        raise damaged(f"a Pipeline with {shown(settings)}", "verbose, true or false")
    names = [step[0] if isinstance(step, list) and len(step) == 2 else None for step in steps]
    if not 1 <= len(steps) <= MOST_STEPS or not all(
        isinstance(name, str) and name and "__" not in name for name in names
    ):
        raise damaged(f"the steps {shown(names)}", "names and estimators")
    if len(set(names)) != len(names) or set(names) & {"memory", *PIPELINES, "steps"}:
        raise damaged(f"the steps {shown(names)}", "a name of its own for each")
    for _, step in steps:
        if not isinstance(step, dict) or is_pipeline(step):
            raise damaged(f"the step {shown(step)}", "an estimator")
    *before, (_, last) = steps
    if any(_checked_name(step) in LAST for _, step in before):
        raise damaged(f"the steps {shown(names)}", "transformers before the last")
    _checked_name(last)
    return [(name, step) for name, step in steps], settings


def said_in_words(entry: Any) -> dict[str, Any]:
    """What a file says of an estimator that is no Pipeline, in words: columns, classes, target."""
    name = _checked_name(entry)
    with refused_as_damaged(name, "what a fit leaves"):
        found: dict[str, Any] = PACKAGES[name]().SUMMARIES[name](entry["fitted"])
    return found


def net_entry(entry: Any) -> dict[str, Any]:
    """Where a net is described: in the estimator, or in the one step that has one."""
    parts = [step for _, step in steps_of(entry)[0]] if is_pipeline(entry) else [entry]
    *others, last = sorted(parts, key=lambda part: part["net"] is not None)
    if any(part["net"] is not None for part in others):
        raise damaged("a second net", "one net, in the last step")
    found: dict[str, Any] = last
    return found


def is_pipeline(entry: Any) -> bool:
    """Whether a file describes a Pipeline so."""
    return isinstance(entry, dict) and entry.get("estimator") == "Pipeline"


def check_model_came_back(model: Any, twin: Any, writer: EstimatorWriter, document: Any) -> None:
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


def _check_attributes(model: Any, twin: Any) -> None:
    """Refuse a twin that lacks one of the attributes that scikit-learn calls fitted."""
    if _is_sklearns(model):
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


def kind_of(name: str) -> Any:
    """The estimator of handgrad's that is called so; None for any other name."""
    return getattr(PACKAGES[name](), name) if name in PACKAGES else None


def _checked_name(entry: Any) -> str:
    """The name of a described estimator, which has all its keys."""
    name = entry.get("estimator") if isinstance(entry, dict) else None
    if not isinstance(name, str) or name not in PACKAGES:
        known = [*PACKAGES, "Pipeline"]
        raise FileError(
            f"the estimator {shown(name)}",
            f"one of {', '.join(known)}",
            did_you_mean(shown(name), known, "a newer handgrad, which may have it"),
        )
    if set(entry) != KEYS or not all(isinstance(entry[k], dict) for k in ("settings", "fitted")):
        raise damaged(f"the keys {shown(sorted(entry))} of {name}", ", ".join(sorted(KEYS)))
    return name


def _is_fitted(model: Any) -> bool:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(model)
    except NotFittedError:
        return False
    return True


def _is_sklearns(model: Any) -> bool:
    from sklearn.pipeline import Pipeline

    return type(model) is Pipeline

"""Fitted estimators in files: parameters, what was fitted, the net; alone or in a Pipeline."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol, TypeGuard

from handgrad.base.errors import SettingError, described
from handgrad.layers import Layer
from handgrad.net import Net
from handgrad.saving.architecture import LayerReader, LayerWriter
from handgrad.saving.entries import PACKAGES, PIPELINE_SETTINGS, Entry
from handgrad.saving.tensors import damaged, refused_as_damaged, shown
from handgrad.saving.values import read_value, written
from handgrad.saving.weights import fill


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
class ModelWriter(LayerWriter):
    """Describes nets, estimators and Pipelines of them; `net` is the one that was described."""

    net: Net | None = None

    def document(self, model: object) -> dict[str, Any]:
        """A model as JSON, with the version of the format."""
        if isinstance(model, Net):
            return {"format_version": 1, **self._net(model)}
        return {"format_version": 2, "model": self._model(model)}

    def _model(self, model: object) -> dict[str, Any]:
        if is_pipeline(model):
            return self._pipeline(model)
        from sklearn.exceptions import NotFittedError
        from sklearn.utils.validation import check_is_fitted

        name = type(model).__name__
        kind: type[Estimator] | None = None
        if name in PACKAGES:
            kind = getattr(PACKAGES[name](), name)
        if kind is None or type(model) is not kind:
            raise SettingError(
                described(model),
                "a net, one of handgrad's estimators that are fitted, or a Pipeline of these alone",
                "hg.save(hg.Net(layer), path)"
                if isinstance(model, Layer)
                else "hg.TableEncoder() in place of scalers and encoders, or a pickle of the whole",
            )
        try:
            check_is_fitted(model)
        except NotFittedError as error:
            raise SettingError(
                f"{name}, which is not fitted", "a fitted estimator", "model.fit(X, y) first"
            ) from error
        if getattr(model, "_sklearn_output_config", {}).get("transform", "default") != "default":
            raise SettingError(
                f"{name}, which puts out frames",
                "arrays, as set_output(transform='default') gives",
                "that, and fit the whole again; set_output for what hg.load gives",
            )
        fitted, net = model._to_file()
        entry = {"estimator": name, "settings": self._settings(model), "fitted": fitted}
        if net is None:
            return entry | {"net": None, "frozen": []}
        if self.net is not None:
            raise SettingError(
                "a Pipeline with two nets", "one net, in its last step", "a file for each"
            )
        return entry | self._net(net)

    def _net(self, net: Net) -> dict[str, Any]:
        self.net, said = net, self.whole(net)
        return {"net": said, "frozen": [p for p, layer in net.walk() if not layer.trainable]}

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
            "steps": [[name, self._model(step)] for name, step in model.steps],
        }

    def _settings(self, model: Estimator) -> dict[str, object]:
        """The parameters as JSON; a SettingError for what a file cannot hold."""
        settings = {}
        for name, value in model.get_params(deep=False).items():
            try:
                settings[name] = written(value, self.whole, name)
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


@dataclass
class ModelReader(LayerReader):
    """Makes nets and estimators as a file describes them, of handgrad's own classes alone."""

    net: Net | None = None

    def model(self, entry: Entry) -> Any:
        """The estimator, or the Pipeline, that is described so."""
        if entry.steps:
            return self._pipeline(entry)
        kind: type[Estimator] = getattr(PACKAGES[entry.name](), entry.name)
        with refused_as_damaged(entry.name, "what a fit leaves"):
            model = kind(**self._settings(kind, entry.settings))
            model._from_file(entry.fitted, self._net(entry))
        return model

    def _pipeline(self, entry: Entry) -> Any:
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
        return {name: read_value(value, self.whole, name) for name, value in said.items()}

    def _net(self, entry: Entry) -> Net | None:
        if entry.net is None:
            if entry.frozen != []:
                raise damaged(f"{shown(entry.frozen)} as frozen", "no layers, without a net")
            return None
        if self.net is not None:
            raise damaged("a second net", "one net, in the last step")
        return self.net_of(entry.net, entry.frozen)

    def net_of(self, said: object, frozen: object) -> Net:
        """The net that is described so, with the layers that are frozen."""
        before = len(self.made)
        net = self.layer(said, "")
        walked = dict(net.walk())
        if not isinstance(net, Net):
            raise damaged(f"{shown(net)} as the whole", "a net")
        if len(walked) != len(self.made) - before:
            raise damaged("a layer among settings that no layer keeps", "it to be in self.layers")
        fill(net, "", self.tensors)
        if not isinstance(frozen, list) or not all(
            isinstance(place, str) and place in walked for place in frozen
        ):
            raise damaged(f"{shown(frozen)} as frozen", "a list of places of layers, as 0.1")
        for place in frozen:
            walked[place].trainable = False
        self.net = net
        return net


def is_pipeline(model: object) -> TypeGuard[Pipeline]:
    """Whether it is a Pipeline of scikit-learn, and of no other class."""
    from sklearn.pipeline import Pipeline

    return type(model) is Pipeline

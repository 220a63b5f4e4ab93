"""Perceptrons in files: the fitted state that is kept, and its checks when it comes back."""

from typing import Any, ClassVar, get_args, get_origin, get_type_hints

import numpy as np

from handgrad.estimators.base import Base, Kept
from handgrad.net import Net
from handgrad.saving.tensors import damaged, shown
from handgrad.saving.values import read_value, written

KEPT = get_type_hints(Kept)


class InFiles(Base):
    """The methods by which `hg.save` and `hg.load` handle a perceptron, fitted by any solver.

    A classifier and a regressor say what is known of the targets: `_target_to_file`, and
    `_target_from_file`, which takes it up and gives how many targets a row has.
    """

    _target_keys: ClassVar[frozenset[str]]

    def _to_file(self) -> tuple[dict[str, object], Net]:
        net = self._current_net()
        fitted = {name: getattr(self, name) for name in KEPT if hasattr(self, name)}
        values = {name: written(value) for name, value in fitted.items()}
        return values | {"loss": type(self._loss).__name__} | self._target_to_file(), net

    def _from_file(self, fitted: dict[str, object], net: Net | None) -> None:
        self._validate_params()
        apart = {"loss", *self._target_keys}
        if apart - fitted.keys() or fitted.keys() - KEPT.keys() - apart:
            raise damaged(f"the keys {shown(sorted(fitted))}", ", ".join((*KEPT, *apart)))
        for name in fitted.keys() - apart:
            value, kind = read_value(fitted[name]), KEPT[name]
            if not _fits(value, kind):
                raise damaged(f"{name} is {shown(value)}", f"{getattr(kind, '__name__', kind)}")
            setattr(self, name, value)
        n_targets = self._target_from_file(fitted)
        self._loss = self._chosen_loss()
        if type(self._loss).__name__ != fitted["loss"]:
            expected = f"{type(self._loss).__name__}, which loss={shown(self.loss)} says"
            raise damaged(f"a fit by {shown(fitted['loss'])}", expected)
        self.n_outputs_ = self._n_outputs(np.empty((0, n_targets)))
        sizes = (self.n_features_in_, self.n_outputs_)
        if net is None or (net.n_in, net.n_out) != sizes:
            raise damaged(f"the net {shown(net)}", f"a net from {sizes[0]} numbers to {sizes[1]}")
        names = getattr(self, "feature_names_in_", None)
        if names is not None and len(names) != net.n_in:
            raise damaged(f"{len(names)} names for {net.n_in} columns", "a name for each")
        self.net_, self._steps = net, None
        self._show_weights()


def _fits(value: object, kind: Any) -> bool:
    """Whether a value is of the type of a fitted attribute; whole numbers count something."""
    if get_origin(kind) is np.ndarray:  # the names of columns
        if not isinstance(value, np.ndarray) or value.dtype != object:
            return False
        return all(type(name) is str for name in value)
    if get_origin(kind) is list:
        (part,) = get_args(kind)
        return isinstance(value, list) and all(_fits(each, part) for each in value)
    if either := get_args(kind):
        return any(_fits(value, one) for one in either)
    return type(value) is kind and (type(value) is not int or 0 <= value < 2**63)

"""Perceptrons in files: the fitted state that is kept, and its checks when it comes back."""

from typing import ClassVar

import numpy as np
from sklearn.preprocessing import LabelBinarizer

from handgrad.base.errors import SettingError
from handgrad.estimators.base import Base
from handgrad.estimators.loss_choice import out_activation
from handgrad.layers import Array
from handgrad.net import Net
from handgrad.saving.tensors import damaged, shown
from handgrad.saving.values import read_value, written

WHOLE, EPOCHS = "a whole number", "whole numbers"
NUMBER, NUMBERS, WORD, WORDS = "a number", "numbers", "a word", "words"
# What a fit leaves beside the net, and what it is; the optimizer's memory is not kept.
FITTED = {
    "n_features_in_": WHOLE,
    "feature_names_in_": WORDS,
    "n_iter_": WHOLE,
    "t_": WHOLE,
    "loss_": NUMBER,
    "best_loss_": NUMBER,
    "loss_curve_": NUMBERS,
    "validation_scores_": NUMBERS,
    "validation_loss_curve_": NUMBERS,
    "_validated_at": EPOCHS,
    "_scored_by": WORD,
    "best_validation_score_": NUMBER,
    "_no_improvement_count": WHOLE,
}
Y_TYPES = ("binary", "multiclass", "multilabel-indicator")


class InFiles(Base):
    """The methods by which `hg.save` and `hg.load` handle a perceptron, fitted by any solver."""

    def _to_file(self) -> tuple[dict[str, object], Net]:
        net = self._current_net()
        fitted = {name: getattr(self, name) for name in FITTED if hasattr(self, name)}
        values = {name: written(value) for name, value in fitted.items()}
        return values | {"loss": type(self._loss).__name__} | self._target_to_file(), net

    def _from_file(self, fitted: dict[str, object], net: Net | None) -> None:
        self._validate_params()
        apart = {"loss", *self._target_keys}
        if apart - fitted.keys() or fitted.keys() - {*FITTED} - apart:
            raise damaged(f"the keys {shown(sorted(fitted))}", ", ".join((*FITTED, *apart)))
        for name in fitted.keys() - apart:
            value = read_value(fitted[name])
            if not _fits(value, FITTED[name]):
                raise damaged(f"{name} is {shown(value)}", FITTED[name])
            setattr(self, name, value)
        n_targets = self._target_from_file(fitted)
        self._loss = self._chosen_loss()
        if type(self._loss).__name__ != fitted["loss"]:
            expected = f"{type(self._loss).__name__}, which loss={shown(self.loss)} says"
            raise damaged(f"a fit by {shown(fitted['loss'])}", expected)
        self.n_outputs_ = self._n_outputs(np.empty((0, n_targets)))
        self._take_net(net)

    def _take_net(self, net: Net | None) -> None:
        """Take up the net, if it fits the columns and the targets."""
        sizes = (self.n_features_in_, self.n_outputs_)
        if net is None or (net.n_in, net.n_out) != sizes:
            raise damaged(f"the net {shown(net)}", f"a net from {sizes[0]} numbers to {sizes[1]}")
        names = getattr(self, "feature_names_in_", None)
        if names is not None and len(names) != net.n_in:
            raise damaged(f"{len(names)} names for {net.n_in} columns", "a name for each")
        self.net_, self._steps = net, None
        self.n_layers_ = len(self._linears()) + 1
        self.out_activation_ = out_activation(self._loss)
        self._show_weights()

    def _refuse_to_go_on(self) -> None:
        """Refuse `partial_fit` where the optimizer's memory is not there."""
        if getattr(self, "_steps", self) is None:
            raise SettingError(
                "partial_fit of a model that came from a file, which has no optimizer's memory",
                "a model that was fitted in this process, or that came from a pickle",
                "fit with warm_start=True, which goes on from its weights",
            )

    # what a classifier and a regressor say for themselves

    _target_keys: ClassVar[frozenset[str]]

    def _target_to_file(self) -> dict[str, object]:
        raise NotImplementedError

    def _target_from_file(self, fitted: dict[str, object]) -> int:
        """Take up what is known of the target; how many targets a row has."""
        raise NotImplementedError


def binarizer_from(classes: Array, y_type: object, sparse: object) -> tuple[LabelBinarizer, int]:
    """The binarizer of classes as a fit left it, and how many targets a row has."""
    fits = {"binary": len(classes) <= 2, "multiclass": len(classes) > 2}
    if y_type not in Y_TYPES or not fits.get(y_type, True) or type(sparse) is not bool:
        raise damaged(f"{shown(y_type)} targets of {len(classes)} classes", ", ".join(Y_TYPES))
    binarizer = LabelBinarizer()
    binarizer.classes_, binarizer.y_type_, binarizer.sparse_input_ = classes, y_type, sparse
    return binarizer, 1 if y_type == "binary" else len(classes)


def _fits(value: object, what: str) -> bool:
    if what == WHOLE:
        return type(value) is int and 0 <= value < 2**63
    if what == EPOCHS:
        return isinstance(value, list) and all(_fits(epoch, WHOLE) for epoch in value)
    if what == WORD:
        return type(value) is str
    if what == NUMBER:
        return value is None or type(value) is float
    if what == NUMBERS:
        return value is None or (
            isinstance(value, list) and all(type(number) is float for number in value)
        )
    return (
        isinstance(value, np.ndarray)
        and value.dtype == object
        and all(type(name) is str for name in value)
    )

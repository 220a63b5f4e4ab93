"""Perceptrons in files: what of a fit is kept, and what it may be when it comes back."""

from typing import Any, ClassVar

import numpy as np
from sklearn.preprocessing import LabelBinarizer

from handgrad.errors import SettingError
from handgrad.layers import Array
from handgrad.net import Net
from handgrad.saving.tensors import damaged, shown
from handgrad.saving.values import read_value, written

WHOLE, NUMBER, NUMBERS, WORDS = "a whole number", "a number", "numbers", "words"
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
    "best_validation_score_": NUMBER,
    "_no_improvement_count": WHOLE,
}
Y_TYPES = ("binary", "multiclass", "multilabel-indicator")


class InFiles:
    """What lets `hg.save` and `hg.load` handle a perceptron, fitted by any solver."""

    net_: Net
    n_outputs_: int
    n_features_in_: int
    _best_parameters: Array | None
    _steps: Any

    def _to_file(self) -> tuple[dict[str, Any], Net]:
        net = self._current_net()  # type: ignore[attr-defined]
        fitted = {name: getattr(self, name) for name in FITTED if hasattr(self, name)}
        return {
            name: written(value) for name, value in fitted.items()
        } | self._target_to_file(), net

    def _from_file(self, fitted: dict[str, Any], net: Net | None) -> None:
        self._validate_params()  # type: ignore[attr-defined]
        of_target = fitted.keys() & self._target_keys
        if len(of_target) < len(self._target_keys) or fitted.keys() - {*FITTED} - of_target:
            raise damaged(f"the keys {shown(sorted(fitted))}", ", ".join((*FITTED, *of_target)))
        for name in fitted.keys() - of_target:
            value = read_value(fitted[name])
            if not _fits(value, FITTED[name]):
                raise damaged(f"{name} is {shown(value)}", FITTED[name])
            setattr(self, name, value)
        self.n_outputs_ = self._target_from_file(fitted)
        sizes = (self.n_features_in_, self.n_outputs_)
        if net is None or (net.n_in, net.n_out) != sizes:
            raise damaged(f"the net {shown(net)}", f"a net from {sizes[0]} numbers to {sizes[1]}")
        names = getattr(self, "feature_names_in_", None)
        if names is not None and len(names) != net.n_in:
            raise damaged(f"{len(names)} names for {net.n_in} columns", "a name for each")
        self.net_, self._best_parameters, self._steps = net, None, None
        self.n_layers_ = len(self._linears()) + 1  # type: ignore[attr-defined]
        self.out_activation_ = self._output_activation()  # type: ignore[attr-defined]
        self._show_weights()  # type: ignore[attr-defined]

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

    def _target_to_file(self) -> dict[str, Any]:
        raise NotImplementedError

    def _target_from_file(self, fitted: dict[str, Any]) -> int:
        """Take up what is known of the target; how many numbers the net puts out."""
        raise NotImplementedError


def binarizer_from(classes: Any, y_type: Any, sparse: Any) -> tuple[LabelBinarizer, int]:
    """What turns classes into targets as a fit left it, and how many targets a row has."""
    fits = {"binary": len(classes) <= 2, "multiclass": len(classes) > 2}
    if y_type not in Y_TYPES or not fits.get(y_type, True) or type(sparse) is not bool:
        raise damaged(f"{shown(y_type)} targets of {len(classes)} classes", ", ".join(Y_TYPES))
    binarizer = LabelBinarizer()
    binarizer.classes_, binarizer.y_type_, binarizer.sparse_input_ = classes, y_type, sparse
    return binarizer, 1 if y_type == "binary" else len(classes)


def said_of_columns(fitted: dict[str, Any]) -> dict[str, Any]:
    """The columns, where they have names."""
    names = read_value(fitted.get("feature_names_in_"))
    return {"columns": {} if names is None else dict.fromkeys(map(str, names), "number")}


def _fits(value: Any, what: str) -> bool:
    if what == WHOLE:
        return type(value) is int and 0 <= value < 2**63
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

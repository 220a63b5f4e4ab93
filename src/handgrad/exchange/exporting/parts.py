"""Parts of an exported model: its net, the kind of its output, and the encoding of tables."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from handgrad.files.features import Features
from handgrad.textbook.layers import Array
from handgrad.textbook.net import Net

Kind = Literal["net", "classifier", "regressor"]
Output = Literal["output", "probabilities", "scores", "values"]


@dataclass(frozen=True)
class Parts:
    """Parts of a subject; `predict` is the prediction of the model itself.

    `center` and `scale` (n_in,) are location and spread of the columns, if known.
    """

    kind: Kind
    output: Output
    net: Net
    predict: Callable[[Any], Array]
    names: tuple[str, ...] = ()
    classes: Array | None = None
    features: Features | None = None
    center: Array | None = None
    scale: Array | None = None

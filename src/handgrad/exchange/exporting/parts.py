"""The parts of a model that is exported: its net, what comes out, and how a table goes in."""

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
    """What a subject is made of; `predict` is the model's own answer for rows as it takes them.

    `center` and `scale` (n_in,) say where the numbers of a column lie, where that is known.
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

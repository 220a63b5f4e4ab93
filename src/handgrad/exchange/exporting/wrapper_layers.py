"""Layers around a net for complete predictions of a model; they have no backward pass."""

import numpy as np

from handgrad.textbook.kinds import PredictionKind
from handgrad.textbook.layers import Array, Layer
from handgrad.textbook.layers.layer import Shape


class EachMember(Layer):
    """Repeats each row for all members of an ensemble.

    forward     y[i, m] = x[i]
    shapes      x (n, n_in)    y (n, n_members, n_in)
    """

    ndim = 2

    def __init__(self, n_in: int, n_members: int) -> None:
        super().__init__()
        self.n_in, self.n_members = n_in, n_members

    def shape_out(self, shape_in: Shape) -> Shape:
        return self.n_members, *shape_in

    def forward(self, x: Array) -> Array:
        return np.repeat(x[:, None], self.n_members, axis=1)


class Temperature(Layer):
    """Divides logits by a temperature.

    forward     y = z / temperature
    shapes      z, y (n, …, n_classes)
    """

    def __init__(self, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, z: Array) -> Array:
        return z / self.temperature


class MeanOfMembers(Layer):
    """Mean of the predictions of ensemble members.

    forward     y[i] = Σₘ p[i, m] / n_members
    shapes      p (n, n_members, n_out)    y (n, n_out)
    """

    ndim = 3

    def forward(self, p: Array) -> Array:
        return p.mean(axis=1)


class Sorted(Layer):
    """Sorts the outputs of each row, and keeps some of them.

    forward     y = the columns `places` of z, sorted along its last axis by odd and even exchanges
    shapes      z (n, …, n_in)    y (n, …, n_out)
    source      Habermann, "Parallel neighbor-sort", 1972
    """

    def __init__(self, n_in: int, places: list[int]) -> None:
        super().__init__()
        self.n_in, self.n_out, self.places = n_in, len(places), places

    def forward(self, z: Array) -> Array:
        columns = [z[..., i] for i in range(z.shape[-1])]
        for turn in range(len(columns)):
            for i in range(turn % 2, len(columns) - 1, 2):
                a, b = columns[i : i + 2]
                columns[i : i + 2] = np.minimum(a, b), np.maximum(a, b)
        return np.stack([columns[i] for i in self.places], axis=-1)


class Numbers(Layer):
    """Scales outputs to the targets and clips them to the range of the training targets.

    forward     y = z · spread + center, from low to high
    shapes      z, y (n, …)
    """

    def __init__(self, center: float, spread: float, low: float, high: float) -> None:
        super().__init__()
        self.center, self.spread, self.low, self.high = center, spread, low, high

    def forward(self, z: Array) -> Array:
        return np.clip(z * self.spread + self.center, self.low, self.high)


class RestrictedMean(Layer):
    """Restricted mean survival time: the area under the survival curve of hazards of intervals.

    forward     y = Σᵢ width_i (Sᵢ₋₁ + Sᵢ)/2, where Sᵢ = Sᵢ₋₁ (1 − hᵢ) and S₀ = 1
    shapes      h (n, …, n_intervals)    y (n, …, 1)
    """

    n_out = 1

    def __init__(self, widths: list[float]) -> None:
        super().__init__()
        self.widths, self.n_in = widths, len(widths)

    def forward(self, h: Array) -> Array:
        before = np.ones_like(h[..., :1])
        area = np.zeros_like(before)
        for i, width in enumerate(self.widths):
            after = before * (1 - h[..., i : i + 1])
            area = area + width / 2 * (before + after)
            before = after
        return area


class InverseLink(Layer):
    """Inverse link function of a loss: outputs to probabilities or rates.

    forward     y = inverse_link(z), of the kind of predictions
    shapes      z, y (n, …)
    """

    def __init__(self, kind: PredictionKind) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, z: Array) -> Array:
        return self.kind.inverse_link(z)


class BothClasses(Layer):
    """Probabilities of both classes, from that of the second.

    forward     y = (1 − p, p)
    shapes      p (n, 1)    y (n, 2)
    """

    ndim = 2
    n_in, n_out = 1, 2

    def forward(self, p: Array) -> Array:
        return np.concatenate([1 - p, p], axis=1)


class BothScores(Layer):
    """Scores of both classes, from that of the second.

    forward     y = (−s, s)
    shapes      s (n, 1)    y (n, 2)
    """

    ndim = 2
    n_in, n_out = 1, 2

    def forward(self, s: Array) -> Array:
        return np.concatenate([-s, s], axis=1)

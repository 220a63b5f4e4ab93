"""Periodic embeddings: numbers as waves, for what goes up and down within a feature's range."""

import numpy as np
import numpy.typing as npt

from handgrad.textbook.errors import SettingError, positive
from handgrad.textbook.layers.ensemble import EnsembleLayer
from handgrad.textbook.layers.initializers import RandomSource, random_generator
from handgrad.textbook.layers.layer import floating
from handgrad.textbook.module import Array


class EnsemblePeriodicEmbedding(EnsembleLayer):
    """Periodic embedding: adds features that are sums of cosines of each member's first features.

    forward     u = 2π w x + b    c = cos u    r = c V, for each wave of a feature; y = [x r]
    backward    dV = Σₙ c dr    du = −sin u · dr Vᵀ    dw = 2π Σₙ x du    db = Σₙ du
                dx as dy has it, and 2π Σ w du over the waves of a feature besides
    shapes      x, dx (n, n_members, n_in)    y, dy (n, n_members, n_in + n_periodic · size)
                w, b, dw, db (n_members, n_periodic, n_waves)
                V, dV (n_members, n_periodic, n_waves, size)
    source      Gorishniy, Rubachev, Babenko, "On embeddings for numerical features in tabular deep
                learning", 2022; the form is that of Holzmüller et al., "Better by Default", 2024

    w, in cycles per unit of x, is drawn with `rng` from a normal distribution of standard deviation
    `frequency`, b uniformly from [−π, π]; V starts as 0, so the embedding has no effect at first.

    >>> waves = EnsemblePeriodicEmbedding(1, 1, 1, n_waves=1, size=1, dtype=np.float64)
    >>> waves.w, waves.b, waves.V = [[[0.25]]], [[[0]]], [[[[10]]]]
    >>> waves.forward(np.array([[[0.0]], [[2.0]]]))                # 10 cos 0, 10 cos π
    array([[[  0.,  10.]],
    <BLANKLINE>
           [[  2., -10.]]])
    >>> waves.backward(np.array([[[1.0, 2.0]], [[1.0, 3.0]]])).round(12).ravel()
    array([1., 1.])
    >>> waves.dV.ravel()                                           # 1·2 − 1·3
    array([-1.])
    """

    param_names = ("w", "b", "V")

    def __init__(
        self,
        n_in: int,
        n_periodic: int,
        n_members: int,
        *,
        n_waves: int = 6,
        size: int = 3,
        frequency: float = 0.7,
        rng: int | RandomSource | None = None,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        sizes = {"n_periodic": n_periodic, "n_waves": n_waves, "size": size}
        for name, value in sizes.items():
            positive(name, value, whole=True)
        super().__init__(n_in, n_in + n_periodic * size, n_members)
        positive("frequency", frequency)
        if n_periodic > n_in:
            raise SettingError(
                f"n_periodic = {n_periodic} of {n_in} features",
                f"a whole number up to {n_in}",
                f"n_periodic={n_in}, for all of them",
            )
        self.n_periodic, self.n_waves, self.size = int(n_periodic), int(n_waves), int(size)
        self.frequency, self.dtype = frequency, floating(dtype)
        generator, waves = random_generator(rng), (n_members, n_periodic, n_waves)
        self.w = generator.normal(0, frequency, waves).astype(dtype)
        self.b = generator.uniform(-np.pi, np.pi, waves).astype(dtype)
        self.V = np.zeros((*waves, size), dtype)

    def forward(self, x: Array) -> Array:
        self.t = 2 * np.pi * x[:, :, : self.n_periodic, None]
        self.u = self.w * self.t + self.b  # (n, n_members, n_periodic, n_waves)
        self.c = np.cos(self.u)
        r = np.einsum("nmpf,mpfo->nmpo", self.c, self.V, optimize=True)
        rows = r.reshape(len(x), self.n_members, self.n_periodic * self.size)
        return np.concatenate([x, rows], axis=2)

    def backward(self, dy: Array) -> Array:
        dr = dy[:, :, self.n_in :].reshape(len(dy), self.n_members, self.n_periodic, self.size)
        self.dV = np.einsum("nmpf,nmpo->mpfo", self.c, dr, optimize=True)
        du = -np.sin(self.u) * np.einsum("nmpo,mpfo->nmpf", dr, self.V, optimize=True)
        self.dw = (self.t * du).sum(axis=0)
        self.db = du.sum(axis=0)
        dx = dy[:, :, : self.n_in].copy()
        dx[:, :, : self.n_periodic] += 2 * np.pi * (self.w * du).sum(axis=3)
        return dx

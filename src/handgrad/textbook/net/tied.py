"""Tied weights: the table that embeds tokens gives their scores, too."""

from collections.abc import Sequence
from typing import Any, cast

from handgrad.textbook.errors import SettingError, ShapeError
from handgrad.textbook.layers import Array, Embedding, Layer
from handgrad.textbook.layers.axes import as_rows
from handgrad.textbook.layers.layer import Shape, features
from handgrad.textbook.net.net import Net


class TiedEmbedding(Net):
    """Tied embedding: its table embeds the codes, and scores every code after the last layer.

    forward     z = f(E[c])      y = z Eᵀ,  f all layers after the embedding, in order
    backward    dz = dy E      dE = that of the embedding, from df(dz), + Σ dyᵀ z over all positions
    shapes      c (n, …) of whole numbers    z, dz (n, …, size)    y, dy (n, …, n_values)
                E, dE (n_values, size)
    source      Press, Wolf, "Using the output embedding to improve language models", 2017

    The first of the `layers` is an `Embedding`, whose E is the only table: it is saved, frozen and
    counted once. The last one returns vectors of its `size`; y has no bias. The padding index, if
    the embedding has one, is embedded as 0, and scored by its row all the same. `dtype` is that of
    `Net`.

    >>> import handgrad as hg
    >>> import numpy as np
    >>> tied = TiedEmbedding(hg.Embedding(2, 1), hg.Linear(1, 1), dtype=np.float64)
    >>> tied.layers[0].E, tied.layers[1].W = [[2], [3]], [[10]]
    >>> tied.forward(np.array([[0]]))                              # 2·10, times 2 and 3
    array([[[40., 60.]]])
    >>> tied.backward(np.array([[[1.0, 0.0]]]))
    >>> tied.layers[0].dE                                          # 2·10 for its row, and z: 20
    array([[40.],
           [ 0.]])
    """

    def _settle(self, layers: list[Layer]) -> None:
        super()._settle(layers)
        self.output_kind = None

    def _fitting_shapes(self, layers: Sequence[Layer]) -> tuple[Shape | None, Shape | None]:
        shape_in, shape_out = super()._fitting_shapes(layers)
        if not layers or not isinstance(layers[0], Embedding):
            raise SettingError(
                f"TiedEmbedding({', '.join(map(repr, layers))})",
                "an Embedding as its first layer",
                "hg.TiedEmbedding(hg.Embedding(65, 32), hg.GRU(32, 32, return_sequences=True))",
            )
        return shape_in, self._scored(layers[0], shape_out)

    @property
    def embedding(self) -> Embedding:
        """The first layer, whose table is used twice."""
        return cast(Embedding, self.layers[0])

    def shape_out(self, shape_in: Shape) -> Shape | None:
        """The shape of the codes, `shape_in`, with an axis of as many scores as there are codes."""
        return self._scored(self.embedding, super().shape_out(shape_in))

    def _scored(self, embedding: Embedding, shape: Shape | None) -> Shape | None:
        """The shape of the scores of vectors of this shape; raises ShapeError for another size."""
        if (size := features(shape)) not in (None, embedding.size):
            raise ShapeError(
                f"{size} features came out of its last layer",
                f"{embedding.size}, the size of {embedding!r}, whose rows they are compared with",
                f"a last Linear({size}, {embedding.size})",
                "TiedEmbedding",
            )
        return None if shape is None else (*shape[:-1], embedding.n_values)

    def forward(self, x: Array, mask: Array | None = None, /) -> Any:
        self.z = super().forward(x, mask)
        return self.z @ self.embedding.E.T

    def backward(self, dy: Array, /) -> None:
        with self._gathering_gradients(dy):
            super().backward(dy @ self.embedding.E)
            self.embedding.dE = self.embedding.dE + as_rows(dy).T @ as_rows(self.z)

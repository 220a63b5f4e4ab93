"""The step of a page that shows attention and switches residual blocks off."""

from functools import partial

import numpy as np

from handgrad.textbook.layers import Array, MultiheadAttention
from handgrad.textbook.net import Net, Residual
from handgrad.textbook.net.next_token import NextToken


class InspectedToken(NextToken):
    """Probabilities of the next token, with attention weights, and factors of residual blocks.

    forward     x = [c, i, τ, s, M, g], the input of `NextToken` and a factor of each block, by
                which y = x + g f(x): 1, or 0, which skips the block
                y = [p, s', m, a], the output of `NextToken` and the attention weights
    shapes      g (n, n_blocks)    a (n, n_heads (context + 1)), heads of all blocks one by one: the
                weights of the earlier positions, zeros after them, and its own last
    """

    def __init__(self, net: Net, context: int) -> None:
        super().__init__(net, context)
        parts = [part for _, part in net.walk()]
        self.n_blocks = sum(type(part) is Residual for part in parts)
        self.heads = [part.n_heads for part in parts if type(part) is MultiheadAttention]
        self.n_before = self.n_in or 0
        self.n_in = self.n_before + self.n_blocks

    def row(self, n: int = 1) -> Array:
        x = super().row(n)
        x[:, self.n_before :] = 1
        return x

    def forward(self, x: Array, mask: Array | None = None, /) -> Array:
        before, factors = x[:, : self.n_before], x[:, self.n_before :]
        reader = self.reader_at(before)
        blocks = [part for _, part in reader.net.walk() if type(part) is Residual]
        for i, block in enumerate(blocks):
            block.__dict__["forward"] = partial(_scaled, block, factors[:, i : i + 1, None])
        outputs = self.parts(before, reader)
        outputs += [attention.p.reshape(len(x), -1) for attention in reader.attentions]
        return np.concatenate(outputs, axis=1)


def _scaled(block: Residual, factor: Array, x: Array) -> Array:
    """Output of a residual block whose branch is multiplied by `factor`."""
    y: Array = x + factor * Net.forward(block, x)
    return y

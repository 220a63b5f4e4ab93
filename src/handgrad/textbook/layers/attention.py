"""Attention: each position of a sequence takes a weighted mean over all positions."""

import numpy as np
import numpy.typing as npt

from handgrad.textbook.errors import SettingError, positive
from handgrad.textbook.layers.axes import as_rows
from handgrad.textbook.layers.initializers import (
    Initializer,
    RandomSource,
    initial_weights,
    random_generator,
)
from handgrad.textbook.layers.layer import Layer, floating
from handgrad.textbook.layers.positions import check_pairs, rotated
from handgrad.textbook.module import Array

MASKED = -1e9  # below all scores, and finite: a masked weight is 0 after exp, never NaN


def attention_weights(s: Array, causal: bool, mask: Array | None = None) -> Array:
    """Attention weights: the softmax of scores `s` (n, h, t, t) over the last axis, the keys.

    `causal` masks the positions after the query, `mask` (n, t) those where it is False. Masked
    positions have the weight 0; if all are masked, all weights are 0.

    >>> attention_weights(np.array([[[[0.0, 9.0], [0.0, 0.0]]]]), causal=True)
    array([[[[1. , 0. ],
             [0.5, 0.5]]]])
    """
    if mask is not None:
        s = np.where(mask[:, None, None], s, MASKED)
    if causal:
        s = np.where(np.tri(s.shape[-1], dtype=bool), s, -np.inf)
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    p = e / e.sum(axis=-1, keepdims=True)
    return p if mask is None else np.where(s > MASKED, p, 0)


class MultiheadAttention(Layer):
    """Multi-head attention: a mean of all positions' values, weighted by query-key similarity.

    forward     u = [q k v] = x Wᵀ + b, each cut into h heads of m = n_features/h numbers
                with rotary q and k are turned at each position, as by `RotaryEmbedding`
                s = q kᵀ      p = softmax(s/√m) over the key positions
                z = p v, its heads concatenated      y = z Woᵀ + bo
    backward    dz = dy Wo, cut into heads g      dp = g vᵀ      ds = p (dp − Σ p dp)/√m
                du = [ds k  dsᵀ q  pᵀ g], r its heads concatenated      dx = r W
                with rotary ds k and dsᵀ q are turned back
                dW = rᵀ x      db = Σ r      dWo = dyᵀ z      dbo = Σ dy, over rows and positions
    shapes      x, dx, y, dy, z, dz (n, t, n_features)    r (n, t, 3 n_features)
                q, k, v, g (n, h, t, m)    p, s, dp, ds (n, h, t, t)
                W, dW (3 n_features, n_features), rows of q first    b, db (3 n_features,)
                Wo, dWo (n_features, n_features)    bo, dbo (n_features,)
    source      Vaswani et al., "Attention is all you need", 2017, section 3.2

    `n_features` is the size of the vector at each position; each of the `n_heads` heads attends
    with an equal part of it. `causal=True` masks the positions after the query. `rotary=True` lets
    the scores depend on the distance of query and key; m must be even. `mask` (n, t) is True at the
    positions that hold a value; the others are masked. `initializer` draws W and Wo (normal,
    standard deviation 1/√n_features, unless given); b and bo start as zeros. `rng` is a seed or a
    generator, `dtype` float32 or float64. PyTorch calls W, b, Wo and bo in_proj_weight,
    in_proj_bias, out_proj.weight and out_proj.bias.

    >>> attention = MultiheadAttention(1, 1, causal=True)
    >>> attention.W, attention.Wo, attention.bo = [[0], [0], [1]], [[2]], [1]
    >>> attention.forward(np.array([[[1.0], [3.0]]]))              # 2 · 1 + 1, 2 · (1 + 3)/2 + 1
    array([[[3.],
            [5.]]])
    >>> attention.backward(np.array([[[0.0], [1.0]]]))             # ½ of 2 · 1 to each key position
    array([[[1.],
            [1.]]])
    >>> attention.dW.ravel(), attention.dWo, attention.dbo         # 1·1 + 1·3, (1 + 3)/2, 1
    (array([0., 0., 4.]), array([[2.]]), array([1.]))
    """

    param_names = ("W", "b", "Wo", "bo")
    ndim = 3
    takes_mask = True

    def __init__(
        self,
        n_features: int,
        n_heads: int,
        *,
        causal: bool = False,
        rotary: bool = False,
        initializer: str | Initializer = "lecun_normal",
        rng: int | RandomSource | None = None,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        super().__init__()
        positive("n_features", n_features, whole=True)
        positive("n_heads", n_heads, whole=True)
        if n_features % n_heads:
            raise SettingError(
                f"{n_features} features for {n_heads} heads",
                "a number of features divisible by the number of heads",
                f"n_features={-(-n_features // n_heads) * n_heads}",
                "MultiheadAttention",
            )
        self.n_in = self.n_out = int(n_features)
        if rotary:
            check_pairs("n_features/n_heads", n_features // n_heads)
        self.n_heads, self.causal, self.dtype = int(n_heads), bool(causal), floating(dtype)
        self.turns = int(bool(rotary))
        source = random_generator(rng)
        self.W = initial_weights(initializer, (3 * n_features, n_features), source, dtype)
        self.b = np.zeros(3 * n_features, dtype)
        self.Wo = initial_weights(initializer, (n_features, n_features), source, dtype)
        self.bo = np.zeros(n_features, dtype)

    def forward(self, x: Array, mask: Array | None = None) -> Array:
        n, t, d = x.shape
        m = d // self.n_heads
        self.x = x
        u = (x @ self.W.T + self.b).reshape(n, t, 3, self.n_heads, m).transpose(2, 0, 3, 1, 4)
        self.q, self.k, self.v = rotated(u[0], self.turns), rotated(u[1], self.turns), u[2]
        s = self.q @ self.k.swapaxes(2, 3)
        self.p = attention_weights(s / m**0.5, self.causal, mask)
        self.z = (self.p @ self.v).swapaxes(1, 2).reshape(n, t, d)
        return self.z @ self.Wo.T + self.bo

    def backward(self, dy: Array) -> Array:
        n, t, d = dy.shape
        m = d // self.n_heads
        self.dWo, self.dbo = as_rows(dy).T @ as_rows(self.z), as_rows(dy).sum(axis=0)
        dz = dy @ self.Wo
        g = dz.reshape(n, t, self.n_heads, m).swapaxes(1, 2)  # one head after another
        dp = g @ self.v.swapaxes(2, 3)
        ds = self.p * (dp - (self.p * dp).sum(axis=-1, keepdims=True)) / m**0.5
        dq, dk, dv = ds @ self.k, ds.swapaxes(2, 3) @ self.q, self.p.swapaxes(2, 3) @ g
        du = np.stack([rotated(dq, -self.turns), rotated(dk, -self.turns), dv])
        r = du.transpose(1, 3, 0, 2, 4).reshape(n, t, 3 * d)  # dq, dk and dv concatenated
        self.dW, self.db = as_rows(r).T @ as_rows(self.x), as_rows(r).sum(axis=0)
        return r @ self.W

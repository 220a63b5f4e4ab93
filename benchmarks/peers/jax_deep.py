"""The deeper nets as functions of their weights, in JAX: `lax.conv`, `lax.scan`."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from benchmarks.deep_cases import BLOCKS, FEATURES, HEADS, LENGTH


def _lenet(weights: Any, x: Any) -> Any:
    C1, b1, C2, b2, *dense = weights
    for C, b, padding in ((C1, b1, "SAME"), (C2, b2, "VALID")):
        x = jax.nn.relu(lax.conv(x, C, (1, 1), padding) + b[:, None, None])
        x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
    x = x.reshape(len(x), -1)
    for i in range(0, len(dense), 2):
        x = jax.nn.relu(x) if i else x
        x = x @ dense[i].T + dense[i + 1]
    return x


def _gru(weights: Any, x: Any) -> Any:
    W, U, b, v, out, b_out = weights
    a = (x @ W.T + b).swapaxes(0, 1)

    def step(h: Any, a: Any) -> tuple[Any, None]:
        ar, az, an = jnp.split(a, 3, axis=1)
        ur, uz, un = jnp.split(h @ U.T + v, 3, axis=1)
        r, z = jax.nn.sigmoid(ar + ur), jax.nn.sigmoid(az + uz)
        n = jnp.tanh(an + r * un)
        return (1 - z) * n + z * h, None

    h, _ = lax.scan(step, jnp.zeros((len(x), U.shape[1])), a)
    return h @ out.T + b_out


def _norm(x: Any, gamma: Any, beta: Any) -> Any:
    z = x - x.mean(-1, keepdims=True)
    return z * lax.rsqrt((z**2).mean(-1, keepdims=True) + 1e-5) * gamma + beta


def _attention(x: Any, W: Any, b: Any, out: Any, b_out: Any) -> Any:
    heads = (*x.shape[:2], HEADS, FEATURES // HEADS)
    q, k, v = (a.reshape(heads) for a in jnp.split(x @ W.T + b, 3, axis=-1))
    s = jnp.einsum("nthm,nshm->nhts", q, k) / heads[-1] ** 0.5
    p = jax.nn.softmax(jnp.where(jnp.tri(LENGTH, dtype=bool), s, -1e9))
    return jnp.einsum("nhts,nshm->nthm", p, v).reshape(x.shape) @ out.T + b_out


def _transformer(weights: Any, x: Any) -> Any:
    letters, places, *rest = weights
    x = letters[x] + places
    for _ in range(BLOCKS):
        g1, s1, W, b, Wo, bo, g2, s2, up, b_up, down, b_down, *rest = rest
        x = x + _attention(_norm(x, g1, s1), W, b, Wo, bo)
        u = jax.nn.gelu(_norm(x, g2, s2) @ up.T + b_up, approximate=False)
        x = x + u @ down.T + b_down
    gamma, beta, out, b_out = rest
    return _norm(x, gamma, beta) @ out.T + b_out


NETS = {"LeNet-5": _lenet, "GRU": _gru, "transformer": _transformer}

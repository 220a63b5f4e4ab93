"""Recurrent layers: sequences read step by step, with a state passed from one to the next."""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from handgrad.textbook.errors import SettingError, ShapeError, positive
from handgrad.textbook.layers.axes import as_rows
from handgrad.textbook.layers.initializers import (
    Initializer,
    RandomSource,
    initial_weights,
    random_generator,
)
from handgrad.textbook.layers.layer import Layer, Shape, floating
from handgrad.textbook.module import Array

Arrays = tuple[Array, ...]


class RecurrentLayer(Layer):
    """Base class of recurrent layers: reads a sequence step by step and keeps a state.

    forward     a = x Wᵀ + b, of all steps at once
                state, kept = step(a[:, i], *state) for i = 0, 1, …, t − 1; h is its first array
                y is h of the last step; with return_sequences that of every step
    backward    from the last step to the first; the gradients of h from y and the next step add up:
                da[:, i], du[:, i], dstate = step_backward(*dstate, *kept)
                dx = da W      dW = Σ daᵀ x      db = Σ da
                dU = Σ duᵀ h₋      dv = Σ du, over all rows and steps
    shapes      x, dx (n, t, n_in)    h (n, n_out)    y, dy (n, n_out) or (n, t, n_out)
                a, da, u, du (n, t, n_gates n_out)    W (n_gates n_out, n_in)
                U (n_gates n_out, n_out)    b, v (n_gates n_out,)
    source      Werbos, "Backpropagation through time: what it does and how to do it", 1990

    u = h₋ Uᵀ + v with h₋ of the step before; the initial state is 0. Steps where a `mask` (n, t) is
    False leave the state unchanged. The arguments are those of `RNN`.
    """

    ndim = 3
    takes_mask = True
    param_names = ("W", "U", "b", "v")
    n_gates: ClassVar[int] = 1
    n_states: ClassVar[int] = 1
    n_in: int
    n_out: int
    step: Callable[..., tuple[Arrays, Arrays]]
    step_backward: Callable[..., tuple[Array, Array, Arrays]]

    def __init__(
        self,
        n_in: int,
        n_out: int,
        *,
        return_sequences: bool = False,
        initializer: str | Initializer = "lecun_normal",
        rng: int | RandomSource | None = None,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        super().__init__()
        positive("n_in", n_in, whole=True)
        positive("n_out", n_out, whole=True)
        if not isinstance(return_sequences, bool | np.bool_):
            raise SettingError(
                f"return_sequences={return_sequences!r}",
                "True, for h of every step, or False, for h of the last step only",
                "return_sequences=True before another recurrent layer",
            )
        self.n_in, self.n_out, self.dtype = int(n_in), int(n_out), floating(dtype)
        self.return_sequences = bool(return_sequences)
        source, n_sums = random_generator(rng), self.n_gates * n_out
        self.W = initial_weights(initializer, (n_sums, n_in), source, dtype)
        self.U = initial_weights(initializer, (n_sums, n_out), source, dtype)
        self.b, self.v = np.zeros(n_sums, dtype), np.zeros(n_sums, dtype)

    def shape_out(self, shape_in: Shape) -> Shape:
        """`n_out` features, of the last step or of every step."""
        return (*shape_in[:-1], self.n_out) if self.return_sequences else (self.n_out,)

    def check_input(self, x: Array) -> None:
        """Raise ShapeError unless `x` holds sequences of at least one step."""
        if x.ndim != 3 or x.shape[1] == 0:
            raise ShapeError(
                f"an array of shape {x.shape}",
                f"sequences of at least one step, (rows, steps, {self.n_in})",
                f"x.reshape(len(x), -1, {self.n_in}), if each row holds all its steps",
                repr(self),
            )

    def mask_out(self, x: Array, mask: Array | None) -> Array | None:
        """The mask of the input if every step is returned, else None."""
        return mask if self.return_sequences else None

    def _where_valid(self, i: int, valid: Arrays, padding: Arrays) -> Arrays:
        """`valid` for rows whose step `i` is valid, `padding` for those where it is masked."""
        if self.mask is None:
            return valid
        mask = self.mask[:, i, None]
        return tuple(np.where(mask, a, b) for a, b in zip(valid, padding, strict=True))

    def forward(self, x: Array, mask: Array | None = None) -> Array:
        self.x, self.h, self.kept, self.mask = x, [], [], mask
        a = x @ self.W.T + self.b
        zeros = np.zeros_like(a[:, 0, : self.n_out])
        state: Arrays = (zeros,) * self.n_states
        for i in range(x.shape[1]):
            self.h.append(state[0])
            after, kept = self.step(a[:, i], *state)
            state = self._where_valid(i, after, state)
            self.kept.append(kept)
        if self.return_sequences:
            return np.stack([*self.h[1:], state[0]], axis=1)
        return state[0]

    def backward(self, dy: Array) -> Array:
        zeros, t = np.zeros_like(self.h[0]), len(self.h)
        dstate: Arrays = (zeros if self.return_sequences else dy, *[zeros] * (self.n_states - 1))
        da, du = [zeros] * t, [zeros] * t
        for i in reversed(range(t)):
            if self.return_sequences:
                dstate = (dstate[0] + dy[:, i], *dstate[1:])
            wanted = self._where_valid(i, dstate, (zeros,) * self.n_states)
            da[i], du[i], before = self.step_backward(*wanted, *self.kept[i])
            dstate = self._where_valid(i, before, dstate)
        da_rows, du_rows, h_rows = (as_rows(np.stack(each, axis=1)) for each in (da, du, self.h))
        self.dW, self.db = da_rows.T @ as_rows(self.x), da_rows.sum(axis=0)
        self.dU, self.dv = du_rows.T @ h_rows, du_rows.sum(axis=0)
        return (da_rows @ self.W).reshape(self.x.shape)


class RNN(RecurrentLayer):
    """Recurrent layer: computes h at each step from the input and from h of the step before.

    forward     a = x Wᵀ + b      u = h₋ Uᵀ + v      h = tanh(a + u)
                step by step; h₋ is h of the step before, 0 at first
    backward    da = du = (1 − h²) dh      dh₋ = du U
                from the last step to the first; dh sums the gradients of h from y and the next step
                dx = da W      dW = Σ daᵀ x      db = Σ da      dU = Σ duᵀ h₋      dv = Σ du
    shapes      x, dx (n, t, n_in)    y, dy (n, n_out), the last h; with return_sequences all of
                them, (n, t, n_out)    W (n_out, n_in)    U (n_out, n_out)    b, v (n_out,)
    source      Elman, "Finding structure in time", 1990

    `n_in` and `n_out` count the features of x and of h. `return_sequences=True` returns h of every
    step. `initializer` draws W and U (normal, standard deviation 1/√n_in and 1/√n_out, unless
    given); b and v start as zeros. `rng` is a seed or a generator, `dtype` float32 or float64.
    PyTorch calls W weight_ih, U weight_hh, b bias_ih and v bias_hh.
    In `step_backward`, `dh_next` is dh and `h_next` is h.

    >>> rnn = RNN(1, 1)
    >>> rnn.W, rnn.U, rnn.b = [[1]], [[2]], [-1]
    >>> rnn.forward(np.array([[[1.0], [1.0]]]))                    # tanh 0, then tanh(0 + 2·0)
    array([[0.]])
    >>> rnn.backward(np.array([[3.0]])).tolist()                   # 2·3, 3
    [[[6.0], [3.0]]]
    >>> rnn.dW, rnn.dU, rnn.db                                     # 6·1 + 3·1, 6·0 + 3·0, 6 + 3
    (array([[9.]]), array([[0.]]), array([9.]))
    """

    def step(self, a: Array, h: Array) -> tuple[Arrays, Arrays]:
        u = h @ self.U.T + self.v
        h_next = np.tanh(a + u)
        return (h_next,), (h_next,)

    def step_backward(self, dh_next: Array, h_next: Array) -> tuple[Array, Array, Arrays]:
        da = (1 - h_next**2) * dh_next
        dh = da @ self.U
        return da, da, (dh,)


class GRU(RecurrentLayer):
    """Gated recurrent unit: gates decide how much of h is kept and how much its update sees of it.

    forward     a = x Wᵀ + b      u = h₋ Uᵀ + v, each of three parts, for r, z and n
                r = σ(aᵣ + uᵣ)      z = σ(a_z + u_z)      n = tanh(aₙ + r uₙ)
                h = (1 − z) n + z h₋, step by step; h₋ is h of the step before, 0 at first
    backward    dz = (h₋ − n) dh      dn = (1 − z) dh      daₙ = (1 − n²) dn      dr = uₙ daₙ
                da = [r (1 − r) dr   z (1 − z) dz   daₙ]      du = [daᵣ   da_z   r daₙ]
                dh₋ = z dh + du U
                from the last step to the first; dh sums the gradients of h from y and the next step
                dx = da W      dW = Σ daᵀ x      db = Σ da      dU = Σ duᵀ h₋      dv = Σ du
    shapes      x, dx (n, t, n_in)    y, dy (n, n_out), the last h; with return_sequences all of
                them, (n, t, n_out)    W (3 n_out, n_in)    U (3 n_out, n_out)    b, v (3 n_out,)
    source      Cho et al., "Learning phrase representations using RNN encoder–decoder for
                statistical machine translation", 2014; r times uₙ, as PyTorch and cuDNN have it

    `n_in` and `n_out` count the features of x and of h. `return_sequences=True` returns h of every
    step. `initializer` draws W and U (normal, standard deviation 1/√n_in and 1/√n_out, unless
    given); b and v start as zeros. `rng` is a seed or a generator, `dtype` float32 or float64.
    PyTorch calls W weight_ih, U weight_hh, b bias_ih and v bias_hh.
    In `step_backward`, `dh_next` is dh, `h` is h₋ and `un` is uₙ.

    >>> gru = GRU(1, 1)
    >>> gru.W, gru.U, gru.b = [[0], [0], [1]], [[0], [0], [0]], [0, 0, -1]
    >>> gru.forward(np.array([[[1.0], [1.0]]]))                    # z = ½, n = tanh(1 − 1)
    array([[0.]])
    >>> gru.backward(np.array([[8.0]])).tolist()                   # ½ · (½ · 8), ½ · 8
    [[[2.0], [4.0]]]
    >>> gru.dW.tolist(), gru.db.tolist()                           # 2 · 1 + 4 · 1, 2 + 4
    ([[0.0], [0.0], [6.0]], [0.0, 0.0, 6.0])
    """

    n_gates = 3

    def step(self, a: Array, h: Array) -> tuple[Arrays, Arrays]:
        m, u = self.n_out, h @ self.U.T + self.v
        ar, az, an = a[:, :m], a[:, m : 2 * m], a[:, 2 * m :]
        ur, uz, un = u[:, :m], u[:, m : 2 * m], u[:, 2 * m :]
        r = sigmoid(ar + ur)
        z = sigmoid(az + uz)
        n = np.tanh(an + r * un)
        h_next = (1 - z) * n + z * h
        return (h_next,), (h, un, r, z, n)

    def step_backward(
        self, dh_next: Array, h: Array, un: Array, r: Array, z: Array, n: Array
    ) -> tuple[Array, Array, Arrays]:
        dz, dn = (h - n) * dh_next, (1 - z) * dh_next
        dan = (1 - n**2) * dn
        dr = un * dan
        dar, daz = r * (1 - r) * dr, z * (1 - z) * dz
        da = np.concatenate([dar, daz, dan], axis=1)
        du = np.concatenate([dar, daz, r * dan], axis=1)
        dh = z * dh_next + du @ self.U
        return da, du, (dh,)


class LSTM(RecurrentLayer):
    """Long short-term memory: a recurrent layer with a cell c, which gates erase, add to and read.

    forward     a = x Wᵀ + b      u = h₋ Uᵀ + v, and the parts of their sum, for i, f, g and o:
                i = σ(sᵢ)      f = σ(s_f)      g = tanh(s_g)      o = σ(sₒ)
                c = f c₋ + i g      h = o tanh c
                step by step; h₋ and c₋ are those of the step before, 0 at first
    backward    q = tanh c      do = q dh      dc ← dc + (1 − q²) o dh
                di = g dc      df = c₋ dc      dg = i dc      dc₋ = f dc      dh₋ = du U
                da = du = [i (1 − i) di   f (1 − f) df   (1 − g²) dg   o (1 − o) do]
                from the last step to the first; dh sums the gradients of h from y and the next step
                dx = da W      dW = Σ daᵀ x      db = Σ da      dU = Σ duᵀ h₋      dv = Σ du
    shapes      x, dx (n, t, n_in)    y, dy (n, n_out), the last h; with return_sequences all of
                them, (n, t, n_out)    W (4 n_out, n_in)    U (4 n_out, n_out)    b, v (4 n_out,)
    source      Hochreiter, Schmidhuber, "Long short-term memory", 1997; the gate f: Gers,
                Schmidhuber, Cummins, "Learning to forget: continual prediction with LSTM", 2000

    `n_in` and `n_out` count the features of x and of h. `return_sequences=True` returns h of every
    step. `initializer` draws W and U (normal, standard deviation 1/√n_in and 1/√n_out, unless
    given); b and v start as zeros. `rng` is a seed or a generator, `dtype` float32 or float64.
    PyTorch calls W weight_ih, U weight_hh, b bias_ih and v bias_hh.
    In `step_backward`, `dh_next` is dh, `dc_next` is dc and `c` is c₋.

    >>> lstm = LSTM(1, 1)
    >>> lstm.W, lstm.U, lstm.b = [[0], [0], [1], [0]], [[0], [0], [0], [0]], [0, 0, -1, 0]
    >>> lstm.forward(np.array([[[1.0], [1.0]]]))                   # g = tanh(1 − 1), c = ½ c₋ + ½ g
    array([[0.]])
    >>> lstm.backward(np.array([[16.0]])).tolist()                 # ½ · ½ · (½ · 16), ½ · (½ · 16)
    [[[2.0], [4.0]]]
    >>> lstm.dW.tolist(), lstm.db.tolist()                         # 2 · 1 + 4 · 1, 2 + 4
    ([[0.0], [0.0], [6.0], [0.0]], [0.0, 0.0, 6.0, 0.0])
    """

    n_gates, n_states = 4, 2

    def step(self, a: Array, h: Array, c: Array) -> tuple[Arrays, Arrays]:
        m, u = self.n_out, h @ self.U.T + self.v
        s = a + u
        si, sf, sg, so = s[:, :m], s[:, m : 2 * m], s[:, 2 * m : 3 * m], s[:, 3 * m :]
        i, f, g, o = sigmoid(si), sigmoid(sf), np.tanh(sg), sigmoid(so)
        c_next = f * c + i * g
        q = np.tanh(c_next)
        h_next = o * q
        return (h_next, c_next), (c, i, f, g, o, q)

    def step_backward(
        self,
        dh_next: Array,
        dc_next: Array,
        c: Array,
        i: Array,
        f: Array,
        g: Array,
        o: Array,
        q: Array,
    ) -> tuple[Array, Array, Arrays]:
        do, dq = q * dh_next, o * dh_next
        dc_next = dc_next + (1 - q**2) * dq
        di, df, dg, dc = g * dc_next, c * dc_next, i * dc_next, f * dc_next
        dsi, dsf, dsg, dso = i * (1 - i) * di, f * (1 - f) * df, (1 - g**2) * dg, o * (1 - o) * do
        da = np.concatenate([dsi, dsf, dsg, dso], axis=1)
        dh = da @ self.U
        return da, da, (dh, dc)


def sigmoid(x: Array) -> Array:
    """σ(x) = 1 / (1 + e⁻ˣ), written with tanh, which cannot overflow.

    >>> sigmoid(np.array([0.0, -1000.0]))
    array([0.5, 0. ])
    """
    return (1 + np.tanh(x / 2)) / 2

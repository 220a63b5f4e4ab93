"""Convolutions as textbooks, courses and libraries write them: 3 channels to 2, kernel 3."""

from typing import Any

import numpy as np
import scipy.signal

import handgrad as hg
from tests.graph.spellings.drawing import drawn

windows = np.lib.stride_tricks.sliding_window_view


class Convolution(hg.Layer):
    """y[n,o,i,j] = b[o] + Σ x[n,c,i+a,j+b] W[o,c,a,b]."""

    param_names = ("W", "b")

    def __init__(self) -> None:
        super().__init__()
        self.W, self.b = drawn(2, 3, 3, 3), drawn(2)


class WindowsEinsum(Convolution):
    """sliding_window_view, one einsum each way."""

    def forward(self, x: Any) -> Any:
        self.u = windows(x, (3, 3), axis=(2, 3))
        return np.einsum("ncijab,ocab->noij", self.u, self.W) + self.b[:, None, None]

    def backward(self, dy: Any) -> Any:
        self.dW, self.db = np.einsum("ncijab,noij->ocab", self.u, dy), dy.sum(axis=(0, 2, 3))
        v = windows(np.pad(dy, ((0, 0), (0, 0), (2, 2), (2, 2))), (3, 3), axis=(2, 3))
        return np.einsum("noijab,ocab->ncij", v, self.W[:, :, ::-1, ::-1])


class WindowsTensordot(WindowsEinsum):
    """The same by np.tensordot."""

    def forward(self, x: Any) -> Any:
        self.u = windows(x, (3, 3), axis=(2, 3))
        y = np.tensordot(self.u, self.W, axes=([1, 4, 5], [1, 2, 3]))
        return y.transpose(0, 3, 1, 2) + self.b[:, None, None]


class AsStrided(WindowsEinsum):
    """CS231n's fast layer: as_strided windows."""

    def forward(self, x: Any) -> Any:
        n, c, h, w = x.shape
        a, b, d, e = x.strides
        shape, strides = (n, c, h - 2, w - 2, 3, 3), (a, b, d, e, d, e)
        self.u = np.lib.stride_tricks.as_strided(x, shape, strides)
        return np.einsum("ncijab,ocab->noij", self.u, self.W) + self.b[:, None, None]


class Shifts(Convolution):
    """A sum over the nine places of the kernel, written into zeros_like."""

    def forward(self, x: Any) -> Any:
        self.x, (h, w) = x, (x.shape[2] - 2, x.shape[3] - 2)
        y = self.b[:, None, None]
        for a in range(3):
            for b in range(3):
                part = x[:, :, a : a + h, b : b + w]
                y = y + np.einsum("oc,ncij->noij", self.W[:, :, a, b], part)
        return y

    def backward(self, dy: Any) -> Any:
        dx, dW = np.zeros_like(self.x), np.zeros_like(self.W)
        h, w = dy.shape[2:]
        for a in range(3):
            for b in range(3):
                part = np.s_[:, :, a : a + h, b : b + w]
                dW[:, :, a, b] = np.einsum("noij,ncij->oc", dy, self.x[part])
                dx[part] += np.einsum("oc,noij->ncij", self.W[:, :, a, b], dy)
        self.dW, self.db = dW, dy.sum(axis=(0, 2, 3))
        return dx


class StackedShifts(Shifts):
    """The nine shifted pictures stacked, then one product."""

    def forward(self, x: Any) -> Any:
        self.x, (h, w) = x, (x.shape[2] - 2, x.shape[3] - 2)
        shifted = [x[:, :, a : a + h, b : b + w] for a in range(3) for b in range(3)]
        u = np.stack(shifted, axis=2).reshape(len(x), 27, h * w)
        y = self.W.reshape(2, 27) @ u + self.b[:, None]
        return y.reshape(len(x), 2, h, w)


class Columns(Convolution):
    """im2col: windows copied to rows, one product; back by shifted sums."""

    def forward(self, x: Any) -> Any:
        self.x, u = x, windows(x, (3, 3), axis=(2, 3))
        n, c, h, w = u.shape[:4]
        self.u = u.transpose(0, 2, 3, 1, 4, 5).reshape(n * h * w, c * 9)
        y = self.u @ self.W.reshape(2, -1).T + self.b
        return y.reshape(n, h, w, 2).transpose(0, 3, 1, 2)

    def backward(self, dy: Any) -> Any:
        n, o, h, w = dy.shape
        dz = dy.transpose(0, 2, 3, 1).reshape(n * h * w, o)
        self.dW, self.db = (dz.T @ self.u).reshape(self.W.shape), dz.sum(axis=0)
        du = (dz @ self.W.reshape(o, -1)).reshape(n, h, w, 3, 3, 3).transpose(0, 3, 1, 2, 4, 5)
        dx = np.zeros_like(self.x)
        for a in range(3):
            for b in range(3):
                dx[:, :, a : a + h, b : b + w] += du[..., a, b]
        return dx


class IndexColumns(Convolution):
    """CS231n's im2col_indices and numpy-ml's: index arrays, back by np.add.at."""

    def places(self, h: int, w: int) -> Any:
        k = np.repeat(np.arange(3), 9)[:, None]
        i = np.tile(np.repeat(np.arange(3), 3), 3)[:, None] + np.repeat(np.arange(h), w)
        j = np.tile(np.arange(3), 9)[:, None] + np.tile(np.arange(w), h)
        return k, i, j

    def forward(self, x: Any) -> Any:
        self.x, (h, w) = x, (x.shape[2] - 2, x.shape[3] - 2)
        k, i, j = self.places(h, w)
        self.u = x[:, k, i, j].transpose(1, 2, 0).reshape(27, -1)
        y = self.W.reshape(2, -1) @ self.u + self.b[:, None]
        return y.reshape(2, h, w, len(x)).transpose(3, 0, 1, 2)

    def backward(self, dy: Any) -> Any:
        n, o, h, w = dy.shape
        dz = dy.transpose(1, 2, 3, 0).reshape(o, -1)
        self.db, self.dW = dy.sum(axis=(0, 2, 3)), (dz @ self.u.T).reshape(self.W.shape)
        du = (self.W.reshape(o, -1).T @ dz).reshape(27, h * w, n).transpose(2, 0, 1)
        dx = np.zeros_like(self.x)
        np.add.at(dx, (slice(None), *self.places(h, w)), du)
        return dx


class PlaceByPlace(Convolution):
    """CS231n's naive layer, all rows at once: a loop over the places of the output."""

    def forward(self, x: Any) -> Any:
        self.x, (h, w) = x, (x.shape[2] - 2, x.shape[3] - 2)
        y = np.empty_like(x[:, :2, :h, :w])
        for i in range(h):
            for j in range(w):
                part = x[:, :, i : i + 3, j : j + 3]
                y[:, :, i, j] = np.tensordot(part, self.W, axes=([1, 2, 3], [1, 2, 3])) + self.b
        return y

    def backward(self, dy: Any) -> Any:
        dx, dW = np.zeros_like(self.x), np.zeros_like(self.W)
        for i in range(dy.shape[2]):
            for j in range(dy.shape[3]):
                part = np.s_[:, :, i : i + 3, j : j + 3]
                dW += np.tensordot(dy[:, :, i, j], self.x[part], axes=(0, 0))
                dx[part] += np.tensordot(dy[:, :, i, j], self.W, axes=(1, 0))
        self.dW, self.db = dW, dy.sum(axis=(0, 2, 3))
        return dx


class NumberByNumber(PlaceByPlace):
    """d2l's corr2d: `(x[i:i+h, j:j+w] * K).sum()` for each channel."""

    def forward(self, x: Any) -> Any:
        self.x, (h, w) = x, (x.shape[2] - 2, x.shape[3] - 2)
        y = np.zeros_like(x[:, :2, :h, :w])
        for o in range(2):
            for i in range(h):
                for j in range(w):
                    part = x[:, :, i : i + 3, j : j + 3] * self.W[o]
                    y[:, o, i, j] = part.sum(axis=(1, 2, 3)) + self.b[o]
        return y


class Padded(WindowsEinsum):
    """Padding by np.pad, taken off by a slice."""

    def forward(self, x: Any) -> Any:
        return super().forward(np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))))

    def backward(self, dy: Any) -> Any:
        return super().backward(dy)[:, :, 1:-1, 1:-1]


class PaddedBySlices(WindowsEinsum):
    """Padding by writing into the middle of zeros made of the data."""

    def forward(self, x: Any) -> Any:
        rows = np.concatenate([x, x[:, :, :2]], axis=2)
        wide = np.zeros_like(np.concatenate([rows, rows[..., :2]], axis=3))
        wide[:, :, 1:-1, 1:-1] = x
        return super().forward(wide)

    def backward(self, dy: Any) -> Any:
        return super().backward(dy)[:, :, 1:-1, 1:-1]


class PaddedByNewZeros(WindowsEinsum):
    """Padding by writing into np.zeros of a shape: refused."""

    def forward(self, x: Any) -> Any:
        n, c, h, w = x.shape
        wide = np.zeros((n, c, h + 2, w + 2), x.dtype)
        wide[:, :, 1:-1, 1:-1] = x
        return super().forward(wide)

    def backward(self, dy: Any) -> Any:
        return super().backward(dy)[:, :, 1:-1, 1:-1]


class RowByRow(WindowsEinsum):
    """A loop over the pictures: refused."""

    def forward(self, x: Any) -> Any:
        super().forward(x)
        b = self.b[:, None, None]
        return np.stack([np.einsum("cijab,ocab->oij", u, self.W) + b for u in self.u])


class ByScipy(WindowsEinsum):
    """scipy.signal, which is no NumPy: refused."""

    def forward(self, x: Any) -> Any:
        super().forward(x)
        kernels = zip(self.W, self.b, strict=True)
        y = [scipy.signal.correlate(x, W[None], mode="valid")[:, 0] + b for W, b in kernels]
        return np.stack(y, axis=1)


class ByFourier(WindowsEinsum):
    """The convolution theorem: np.fft has no form, refused."""

    def forward(self, x: Any) -> Any:
        super().forward(x)
        f = np.fft.rfft2(x)
        g = np.fft.rfft2(self.W, x.shape[2:])
        y = np.fft.irfft2(np.einsum("ncij,ocij->noij", f, g.conj()), x.shape[2:])
        return y[:, :, :-2, :-2].astype(x.dtype) + self.b[:, None, None]

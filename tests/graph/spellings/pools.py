"""Pooling, places in pictures and their axes, as users write them: windows of 2."""

from typing import Any

import numpy as np

import handgrad as hg


class SharedMaximum(hg.Layer):
    """Windows as axes; where a maximum stands twice its slope is shared."""

    def forward(self, x: Any) -> Any:
        n, c, h, w = x.shape
        u = x.reshape(n, c, h // 2, 2, w // 2, 2)
        y = u.max(axis=(3, 5), keepdims=True)
        hit = (u == y).astype(x.dtype)
        self.share = hit / hit.sum(axis=(3, 5), keepdims=True)
        return y.reshape(n, c, h // 2, w // 2)

    def backward(self, dy: Any) -> Any:
        n, c, h, w = dy.shape
        return (self.share * dy[:, :, :, None, :, None]).reshape(n, c, 2 * h, 2 * w)


class ArgmaxOfWindows(hg.Layer):
    """argmax over copied windows; back to the place it was."""

    def forward(self, x: Any) -> Any:
        n, c, h, w = self.shape = x.shape
        u = x.reshape(n, c, h // 2, 2, w // 2, 2).transpose(0, 1, 2, 4, 3, 5)
        u = u.reshape(n, c, h // 2, w // 2, 4)
        self.where = u.argmax(axis=-1)
        return np.take_along_axis(u, self.where[..., None], axis=-1)[..., 0]

    def backward(self, dy: Any) -> Any:
        n, c, h, w = self.shape
        du = (self.where[..., None] == np.arange(4)) * dy[..., None]
        du = du.reshape(n, c, h // 2, w // 2, 2, 2).transpose(0, 1, 2, 4, 3, 5)
        return du.reshape(n, c, h, w)


class MaximumOfSlices(hg.Layer):
    """np.maximum of four slices; back by comparing each with the maximum."""

    def forward(self, x: Any) -> Any:
        self.x = x
        top = np.maximum(x[:, :, ::2, ::2], x[:, :, ::2, 1::2])
        bottom = np.maximum(x[:, :, 1::2, ::2], x[:, :, 1::2, 1::2])
        self.y = np.maximum(top, bottom)
        return self.y

    def backward(self, dy: Any) -> Any:
        dx = np.zeros_like(self.x)
        for a in range(2):
            for b in range(2):
                part = np.s_[:, :, a::2, b::2]
                dx[part] = np.where(self.x[part] == self.y, dy, 0)
        return dx


class MaskByRepeat(hg.Layer):
    """numpy tutorials' way: the maximum repeated, compared with the picture."""

    def forward(self, x: Any) -> Any:
        n, c, h, w = x.shape
        y = x.reshape(n, c, h // 2, 2, w // 2, 2).max(axis=(3, 5))
        self.mask = x == y.repeat(2, axis=2).repeat(2, axis=3)
        return y

    def backward(self, dy: Any) -> Any:
        return dy.repeat(2, axis=2).repeat(2, axis=3) * self.mask


class PlaceByPlaceMaximum(hg.Layer):
    """d2l's pool2d: a loop over places."""

    def forward(self, x: Any) -> Any:
        self.x, y = x, np.empty_like(x[:, :, ::2, ::2])
        for i in range(y.shape[2]):
            for j in range(y.shape[3]):
                y[:, :, i, j] = x[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].max(axis=(2, 3))
        self.y = y
        return y

    def backward(self, dy: Any) -> Any:
        dx = np.zeros_like(self.x)
        for i in range(dy.shape[2]):
            for j in range(dy.shape[3]):
                part = np.s_[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
                hit = self.x[part] == self.y[:, :, i, j, None, None]
                dx[part] = hit * dy[:, :, i, j, None, None]
        return dx


class MeanOfWindows(hg.Layer):
    """The mean by two axes; back by broadcast_to."""

    def forward(self, x: Any) -> Any:
        n, c, h, w = x.shape
        return x.reshape(n, c, h // 2, 2, w // 2, 2).mean(axis=(3, 5))

    def backward(self, dy: Any) -> Any:
        n, c, h, w = dy.shape
        spread = np.broadcast_to(dy[:, :, :, None, :, None] / 4, (n, c, h, 2, w, 2))
        return spread.reshape(n, c, 2 * h, 2 * w)


class MeanByKron(hg.Layer):
    """Back by np.kron with a square of ones."""

    def forward(self, x: Any) -> Any:
        return (
            x[:, :, ::2, ::2] + x[:, :, 1::2, ::2] + x[:, :, ::2, 1::2] + x[:, :, 1::2, 1::2]
        ) / 4

    def backward(self, dy: Any) -> Any:
        return np.kron(dy, np.ones((2, 2), dy.dtype)) / 4


class MeanOverPlaces(hg.Layer):
    """Global average pooling."""

    def forward(self, x: Any) -> Any:
        self.x = x
        return x.mean(axis=(2, 3))

    def backward(self, dy: Any) -> Any:
        h, w = self.x.shape[2:]
        return np.ones_like(self.x) * (dy / (h * w))[:, :, None, None]


class SkippedWhereFlat(MeanOfWindows):
    """A branch that asks the numbers: refused."""

    def forward(self, x: Any) -> Any:
        return super().forward(x) if x.any() else x[:, :, ::2, ::2]

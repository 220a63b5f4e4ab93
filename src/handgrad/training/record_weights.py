"""Sizes of weights, gradients and updates per epoch: an adapter that records them."""

from collections.abc import Iterable, Iterator

import numpy as np

from handgrad.textbook.layers import Array
from handgrad.textbook.net import Net
from handgrad.training.history import EpochReport


class WeightHistory:
    """Iterator that passes reports on and records the sizes of weights, gradients and updates.

    `epochs` lists the epochs recorded, first the one before the training. Three tables have a list
    for each parameter matrix by its path, `{"0.W": [...]}`, with a number for each of these epochs:

    largest           max |W|
    gradient_norms    ‖dW‖, the root of the sum of squares, of the last batch of the epoch, as
                      `backward` computes it: before clipping and weight decay
    update_ratios     ‖W − V‖ / ‖V‖, with V the matrix an epoch ago: all steps of the epoch

    The last two are NaN before the training, for the gradient of a frozen layer, and where V is 0.

    Parameters
    ----------
    reports : iterable of EpochReport
        From `hg.train`.
    net : Net
        The net in training.
    """

    def __init__(self, reports: Iterable[EpochReport], net: Net) -> None:
        self._reports, self._net = reports, net
        self.epochs: list[int] = []
        self.largest: dict[str, list[float]] = {path: [] for path in self._matrices()}
        self.gradient_norms: dict[str, list[float]] = {path: [] for path in self.largest}
        self.update_ratios: dict[str, list[float]] = {path: [] for path in self.largest}

    def __iter__(self) -> Iterator[EpochReport]:
        before = self._matrices()
        for report in self._reports:
            if not self.epochs:
                unknown = {path: np.full_like(w, np.nan) for path, w in before.items()}
                self._note(report.epoch - 1, before, unknown, unknown)
            now = self._matrices()
            self._note(report.epoch, now, before, self._gradients())
            before = now
            yield report

    def _matrices(self) -> dict[str, Array]:
        parameters = self._net.named_parameters()
        return {path: array.copy() for path, array in parameters.items() if array.ndim > 1}

    def _gradients(self) -> dict[str, Array]:
        """Gradient of each parameter after the last step; NaN if it is frozen."""
        net, known = self._net, np.full_like(self._net.gradients, np.nan)
        for part in net.trainable_slices():
            known[part] = net.gradients[part]
        named = net.named_parameters()
        ends = np.cumsum([array.size for array in named.values()])
        return dict(zip(named, np.split(known, ends), strict=False))

    def _note(
        self, epoch: int, now: dict[str, Array], before: dict[str, Array], dw: dict[str, Array]
    ) -> None:
        self.epochs.append(epoch)
        for path, w in now.items():
            size = _length(before[path])
            self.largest[path].append(float(np.abs(w).max()))
            self.gradient_norms[path].append(_length(dw[path]))
            self.update_ratios[path].append(_length(w - before[path]) / size if size else np.nan)


def _length(numbers: Array) -> float:
    return float(np.sqrt(np.square(numbers, dtype=np.float64).sum()))


def record_weights(reports: Iterable[EpochReport], net: Net) -> WeightHistory:
    """Pass `reports` on and record sizes of weights, gradients and updates at every epoch.

    Parameters
    ----------
    reports : iterable of EpochReport
        From `hg.train`, which runs no further than the epoch it reports.
    net : Net
        The net in training.

    Returns
    -------
    WeightHistory
        Iterate over it to train; then it has the sizes of each parameter matrix.

    Examples
    --------
    >>> import handgrad as hg
    >>> x, y = hg.data.make_moons(rng=0)
    >>> net = hg.Net(hg.Linear(2, 2, initializer="zeros"), hg.Softmax())
    >>> reports = hg.train(net, (x, y), loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1),
    ...     epochs=3, rng=0)
    >>> weights = record_weights(reports, net)
    >>> [report.epoch for report in weights], weights.epochs
    ([1, 2, 3], [0, 1, 2, 3])
    >>> weights.largest["0.W"][0], weights.largest["0.W"] == sorted(weights.largest["0.W"])
    (0.0, True)
    >>> [round(ratio, 1) for ratio in weights.update_ratios["0.W"]]        # it began at 0
    [nan, nan, 0.9, 0.5]
    """
    return WeightHistory(reports, net)

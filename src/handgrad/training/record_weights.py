"""How large the weights are, epoch by epoch: an adapter that looks on."""

from collections.abc import Iterable, Iterator

import numpy as np

from handgrad.net import Net
from handgrad.training.report import Report


class WeightHistory:
    """Reports that pass through, and what was seen of the weights on the way.

    `epochs` lists when the net was looked at, first before the training; `largest` has a list
    for each parameter matrix by its path, `{"0.W": [...]}`: the largest |entry| at each time.
    """

    def __init__(self, reports: Iterable[Report], net: Net) -> None:
        self._reports, self._net = reports, net
        self.epochs: list[int] = []
        self.largest: dict[str, list[float]] = {path: [] for path in self._matrices()}

    def __iter__(self) -> Iterator[Report]:
        before = self._matrices()
        for report in self._reports:
            if not self.epochs:
                self._note(report.epoch - 1, before)
            self._note(report.epoch, self._matrices())
            yield report

    def _matrices(self) -> dict[str, float]:
        """The largest |entry| of each parameter matrix, by its path."""
        parameters = self._net.named_parameters()
        return {
            path: float(np.abs(array).max()) for path, array in parameters.items() if array.ndim > 1
        }

    def _note(self, epoch: int, largest: dict[str, float]) -> None:
        self.epochs.append(epoch)
        for path, value in largest.items():
            self.largest[path].append(value)


def record_weights(reports: Iterable[Report], net: Net) -> WeightHistory:
    """Pass `reports` on and note max |W| of each parameter matrix of `net` at every epoch.

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
    """
    return WeightHistory(reports, net)

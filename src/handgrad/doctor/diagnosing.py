"""The doctor beside a training: an adapter of its reports that warns."""

import warnings
from collections.abc import Iterable, Iterator
from typing import Unpack

from handgrad.base.errors import DivergenceError, positive
from handgrad.doctor.diagnose import examined
from handgrad.doctor.patient import HowTrained, Patient
from handgrad.net import Net
from handgrad.training import EpochReport


def diagnosing(
    reports: Iterable[EpochReport],
    net: Net,
    data: object,
    *,
    every: int = 10,
    **training: Unpack[HowTrained],
) -> Iterator[EpochReport]:
    """Pass `reports` on, and warn of each sickness that `hg.diagnose` finds, once.

    The arguments are those of `hg.diagnose`. It looks after the first epoch, after every tenth
    or so, at the end, and when the numbers stop being finite. What may still be learned is judged
    at the end. The training is the same to the bit as without it.

    >>> import handgrad as hg
    >>> x, y = hg.data.make_moons(rng=0)
    >>> net = hg.Net(hg.Linear(2, 8, rng=0), hg.ReLU(), hg.Linear(8, 2, rng=1), hg.Softmax())
    >>> reports = hg.train(net, (x, y), loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(1e-6),
    ...     epochs=20, rng=0)
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     epochs = [report.epoch for report in diagnosing(reports, net, (x, y))]
    >>> for warning in caught:
    ...     print(str(warning.message).split("\\n")[0])
    after epoch 20: learning rate too low: training
    """
    positive("every", every, whole=True)
    return _warning(reports, Patient(net, data, **training), every)


def _warning(reports: Iterable[EpochReport], patient: Patient, every: int) -> Iterator[EpochReport]:
    seen, told = list[EpochReport](), set[str]()
    try:
        for report in reports:
            seen.append(report)
            if len(seen) == 1 or len(seen) % every == 0:
                _warn(patient, seen, told, going_on=True)
            yield report
    except DivergenceError:
        _warn(patient, seen, told, diverged=True)
        raise
    _warn(patient, seen, told)


def _warn(patient: Patient, seen: list[EpochReport], told: set[str], **how: bool) -> None:
    """Warn of what was not told before."""
    when = f"after epoch {seen[-1].epoch}" if seen else "in the first epoch"
    for finding in examined(patient, seen, **how).findings:
        if finding.sickness not in told:
            told.add(finding.sickness)
            warnings.warn(f"{when}: {finding}", stacklevel=3)

"""`diagnose`: one look at a net, its training and its rows; `diagnosing`: beside a training."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Unpack

import numpy as np

from handgrad.check.doctor import curves, finiteness, passes
from handgrad.check.doctor.findings import SICKNESSES, Diagnosis, Finding
from handgrad.check.doctor.input_checks import finite
from handgrad.check.doctor.patient import Case, HowTrained, Patient
from handgrad.engines.config import TrainingConfig, keywords_of
from handgrad.textbook.aliases import refusing_unknown
from handgrad.textbook.errors import DivergenceError, SettingError, described, positive
from handgrad.textbook.net import Net
from handgrad.training import EpochReport, History

# Those at any time, of a net that gives finite numbers.
CHECKS = (
    passes.unscaled_inputs,
    passes.dead_units,
    passes.saturated_units,
    passes.exploding_gradients,
    passes.vanishing_gradients,
)
# Nothing comes back through units that are flat; a net that cannot learn learns slowly; and of
# curves that jump nobody can tell where they turn.
EXPLAINED_BY: dict[str, set[str]] = {
    "vanishing gradients": {"dead units", "saturated units"},
    "learning rate too low": {
        "unscaled inputs",
        "not finite",
        "dead units",
        "saturated units",
        "exploding gradients",
        "vanishing gradients",
    },
    "over-fitting": {"learning rate too high"},
}


@refusing_unknown
@keywords_of(Patient, "names")
def diagnose(
    net: Net,
    history: Iterable[EpochReport] | None,
    data: object,
    **training: Unpack[HowTrained],
) -> Diagnosis:
    """Diagnose a net, its training and its rows: each finding with its evidence.

    `history` is a History, a list of reports, or None. `data`, a pair (x, y), are the rows that
    were trained on, `validation` those that were not; `loss`, `optimizer`, `sample_weight`,
    `class_weight` and `penalty` are as in `hg.train`, all optional. Without `loss`, it is the
    usual one for the last layer and the targets. With `optimizer`, some of its steps are tried on
    a copy, unless the history says how the training ended: after a DivergenceError, that finds
    the layer in which the numbers stop being finite. At most 1024 rows, evenly spaced, go through
    the net. Nothing of what is given is changed.

    A net, rows or a loss that do not fit are refused, as by `hg.train`; NaN is a finding.

    >>> import handgrad as hg
    >>> x, y = hg.data.make_moons(rng=0)
    >>> net = hg.Net(hg.Linear(2, 8, rng=0), hg.ReLU(), hg.Linear(8, 2, rng=1), hg.Softmax())
    >>> net.layers[0].b = [-9, -9, -9, -9, 0, 0, 0, 0]
    >>> diagnosis = diagnose(net, None, (x, y))
    >>> print(diagnosis.findings[0])
    dead units: layer 2 of 4, ReLU()
      evidence: 4 of 8 units give 0 on all 100 rows, and pass no gradient back
      try: LeakyReLU() in its place: it lets a little through, so that no unit is lost
    >>> net.layers[0].b = [0] * 8
    >>> bool(diagnose(net, None, (x, y)))
    False
    """
    patient = Patient(net, data, **training)
    why = history.stopped_because if isinstance(history, History) else ""
    return examined(
        patient,
        reports_of(history, "hg.diagnose(net, hg.fit(net, …), (x, y))"),
        diverged=not why or why.startswith("diverged"),
        restored="had not improved" in why,
    )


def examined(
    patient: Patient,
    reports: Sequence[EpochReport],
    *,
    going_on: bool = False,
    diverged: bool = False,
    restored: bool = False,
) -> Diagnosis:
    """The findings in a patient now, causes before consequences.

    `going_on`: the training has not ended, so nothing is said yet of what it may still learn.
    `diverged`: it may have left the finite numbers, so some steps are tried on the copy.
    `restored`: the net has the weights of its best epoch.
    """
    with np.errstate(all="ignore"):
        case = Case(patient, reports)
        found = [case.ill] if case.ill else [*_in_the_net(case, going_on, diverged)]
        found += patient.leakage
        if patient.by_steps and all(f.sickness != "learning rate too high" for f in found):
            found += curves.rate_too_high(case)
        if not restored:
            found += curves.over_fitting(case, curves.PATIENCE if going_on else 1)
    found.sort(key=lambda finding: SICKNESSES.index(finding.sickness))
    there = {finding.sickness for finding in found}
    causes = (f for f in found if there.isdisjoint(EXPLAINED_BY.get(f.sickness, ())))
    return Diagnosis(tuple(causes), tuple(_left_out(patient, reports)))


def _in_the_net(case: Case, going_on: bool, diverged: bool) -> Iterator[Finding]:
    """The findings where the rows go through the net."""
    if found := finiteness.not_finite(case):
        yield found
    elif diverged:
        yield from finiteness.diverging(case)
    if not all(finite(call.went) for call in case.predicting):
        return
    for check in CHECKS:
        yield from check(case)
    if not going_on:
        if case.patient.by_steps:
            yield from curves.rate_too_low(case)
        yield from passes.class_imbalance(case)


def reports_of(history: object, hint: str) -> list[EpochReport]:
    """The reports of a training, in their order."""
    reports = [] if history is None else [*history] if isinstance(history, Iterable) else None
    if reports is None or not all(isinstance(report, EpochReport) for report in reports):
        raise SettingError(
            f"history = {described(history)}", "a History, a list of reports, or None", hint
        )
    return reports


def _left_out(patient: Patient, reports: Sequence[EpochReport]) -> Iterator[str]:
    """Which checks were not made, and what they need."""
    if patient.loss is None and not patient.rows_not_finite:
        yield (
            "gradients, class imbalance, a learning rate too low: no loss was given, and neither "
            "the last layer nor the targets tell which it was"
        )
    if len(reports) < curves.FEWEST_EPOCHS:
        yield f"the learning rate and over-fitting: fewer than {curves.FEWEST_EPOCHS} epochs"
    elif all(report.validation_loss is None for report in reports):
        yield "over-fitting: the training had no validation"
    if patient.held is None:
        yield "leakage: validation=(x_val, y_val) was not given"


@refusing_unknown
@keywords_of(Patient, "names")
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


def diagnosing_training(
    reports: Iterable[EpochReport], config: TrainingConfig
) -> Iterator[EpochReport]:
    """`diagnosing`, beside a training of that configuration."""
    how = HowTrained(
        loss=config.loss,
        optimizer=config.optimizer,
        validation=config.validation,
        sample_weight=config.sample_weight,
        class_weight=config.class_weight,
        penalty=config.penalty,
    )
    return diagnosing(reports, config.net, config.data, **how)


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

"""`diagnose`: problems of a net, its training and its rows; `diagnosing`: during a training."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Unpack

import numpy as np

from handgrad.check.doctor import checks
from handgrad.check.doctor.findings import PROBLEMS, Diagnosis, Finding
from handgrad.check.doctor.input_checks import finite
from handgrad.check.doctor.patient import Case, HowTrained, Patient
from handgrad.check.language import DOCTOR
from handgrad.engines.config import TrainingConfig, keywords_of
from handgrad.textbook.aliases import refusing_unknown
from handgrad.textbook.errors import DivergenceError, SettingError, described, positive
from handgrad.textbook.net import Net
from handgrad.training import EpochReport, History

# Checks at any time, for a net with finite outputs.
CHECKS = (
    checks.unscaled_inputs,
    checks.dead_units,
    checks.saturated_units,
    checks.exploding_gradients,
    checks.vanishing_gradients,
)
# Saturated units pass no gradient; any of them slows the training; and noisy curves have no
# minimum to compare with.
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
    """Diagnose a net, its training and its rows: each problem with evidence and advice.

    At most 1024 rows, evenly spaced, are passed through a copy of the net; no argument is changed.
    Arguments that do not fit each other are refused as by `hg.train`; NaN is a finding.

    Parameters
    ----------
    net : Net
        The net to examine, trained or not.
    history : History, list of EpochReport, or None
        Reports of its training.
    data : pair of arrays
        Training rows x and targets y.
    loss : Loss, optional
        By default the usual one for the last layer and the targets.
    optimizer : Optimizer, optional
        Some of its steps are tried on a copy, unless the history has a normal end.
    validation : pair or triple of arrays, or dict of these, optional
        Held-out rows, as in `hg.train`.
    sample_weight : array, optional
        As in `hg.train`.
    class_weight : dict or "balanced", optional
        As in `hg.train`.
    penalty : Penalty, optional
        As in `hg.train`.

    Returns
    -------
    Diagnosis

    Examples
    --------
    >>> import handgrad as hg
    >>> x, y = hg.data.make_moons(rng=0)
    >>> net = hg.Net(hg.Linear(2, 8, rng=0), hg.ReLU(), hg.Linear(8, 2, rng=1), hg.Softmax())
    >>> net.layers[0].b = [-9, -9, -9, -9, 0, 0, 0, 0]
    >>> diagnosis = diagnose(net, None, (x, y))
    >>> print(diagnosis.findings[0])
    dead units: layer 2 of 4, ReLU()
      evidence: 4 of 8 units output 0 on all 100 rows, and pass no gradient back
      try: LeakyReLU() instead, whose gradient is never 0
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
    """Diagnosis of a patient, causes before consequences.

    Parameters
    ----------
    patient : Patient
        Net and rows.
    reports : sequence of EpochReport
        Epochs so far.
    going_on : bool, default False
        The training continues: checks of what it has learned are left for its end.
    diverged : bool, default False
        It may have diverged: some steps are tried on a copy.
    restored : bool, default False
        The net has the weights of its best epoch.
    """
    with np.errstate(all="ignore"):
        case = Case(patient, reports)
        findings = [case.ill] if case.ill else [*_in_the_net(case, going_on, diverged)]
        findings += patient.leakage
        if patient.by_steps and all(f.problem != "learning rate too high" for f in findings):
            findings += checks.rate_too_high(case)
        if not restored:
            findings += checks.over_fitting(case, checks.PATIENCE if going_on else 1)
    findings.sort(key=lambda finding: PROBLEMS.index(finding.problem))
    present = {finding.problem for finding in findings}
    causes = (f for f in findings if present.isdisjoint(EXPLAINED_BY.get(f.problem, ())))
    return Diagnosis(tuple(causes), tuple(_left_out(patient, reports)))


def _in_the_net(case: Case, going_on: bool, diverged: bool) -> Iterator[Finding]:
    """Findings from passing the rows through the net."""
    if finding := checks.not_finite(case):
        yield finding
    elif diverged:
        yield from checks.diverging(case)
    if not all(finite(call.went) for call in case.predicting):
        return
    for check in CHECKS:
        yield from check(case)
    if not going_on:
        if case.patient.by_steps:
            yield from checks.rate_too_low(case)
        yield from checks.class_imbalance(case)


def reports_of(history: object, hint: str) -> list[EpochReport]:
    """Check the reports of a training; returns them as a list."""
    reports = [] if history is None else [*history] if isinstance(history, Iterable) else None
    if reports is None or not all(isinstance(report, EpochReport) for report in reports):
        raise SettingError(
            f"history = {described(history)}", "a History, a list of reports, or None", hint
        )
    return reports


def _left_out(patient: Patient, reports: Sequence[EpochReport]) -> Iterator[str]:
    """Checks that were not made, with what they need."""
    if patient.loss is None and not patient.rows_not_finite:
        yield (
            "gradients, class imbalance, learning rate too low: no loss was given, and it does not "
            "follow from the last layer and the targets"
        )
    if len(reports) < checks.FEWEST_EPOCHS:
        yield f"learning rate and over-fitting: fewer than {checks.FEWEST_EPOCHS} epochs"
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
    """Pass `reports` on, and warn once of each problem that `hg.diagnose` finds.

    The checks run after the first epoch, after every tenth, at the end and on divergence. The
    training has the same bits as without them.

    Parameters
    ----------
    reports : iterable of EpochReport
        From `hg.train`, or an adapter of it.
    net : Net
        The net in training.
    data : pair of arrays
        Training rows x and targets y.
    loss, optimizer, validation, sample_weight, class_weight, penalty : optional
        As in `diagnose`.
    every : int, default 10
        Epochs between two checks.

    Returns
    -------
    iterator of EpochReport

    Examples
    --------
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
    """Apply `diagnosing` to a training with this configuration.

    Parameters
    ----------
    reports : iterable of EpochReport
        Reports of the training.
    config : TrainingConfig
        Its arguments.
    """
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
    seen, reported = list[EpochReport](), set[str]()
    try:
        for report in reports:
            seen.append(report)
            if len(seen) == 1 or len(seen) % every == 0:
                _warn(patient, seen, reported, going_on=True)
            yield report
    except DivergenceError:
        _warn(patient, seen, reported, diverged=True)
        raise
    _warn(patient, seen, reported)


def _warn(patient: Patient, seen: list[EpochReport], reported: set[str], **how: bool) -> None:
    """Warn of problems that were not reported before."""
    when = f"after epoch {seen[-1].epoch}" if seen else "in the first epoch"
    for finding in examined(patient, seen, **how).findings:
        if finding.problem not in reported:
            reported.add(finding.problem)
            warnings.warn(DOCTOR.translated(f"{when}: {finding}"), stacklevel=3)

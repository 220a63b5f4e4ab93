"""`diagnose`: one look at a net, its training and its rows."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Unpack

import numpy as np

from handgrad.base.errors import SettingError, described
from handgrad.doctor import curves, finiteness, gradients, rows, units
from handgrad.doctor.calls import finite
from handgrad.doctor.case import Case
from handgrad.doctor.findings import SICKNESSES, Diagnosis, Finding
from handgrad.doctor.nonfinite_inputs import not_finite_weights
from handgrad.doctor.patient import HowTrained, Patient
from handgrad.net import Net
from handgrad.training import EpochReport, History

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
        found = _found(patient, reports, going_on, diverged, restored)
    found.sort(key=lambda finding: SICKNESSES.index(finding.sickness))
    return Diagnosis(tuple(_unexplained(found)), tuple(_left_out(patient, reports)))


def _found(
    patient: Patient, reports: Sequence[EpochReport], going_on: bool, diverged: bool, restored: bool
) -> list[Finding]:
    ill = patient.rows_not_finite or not_finite_weights(patient.net)
    case = Case(patient, reports, answers=not ill)
    found = [ill] if ill else [*_in_the_net(case, going_on, diverged)]
    found += patient.leakage
    by_steps = patient.optimizer is None or patient.optimizer.minimizer is None
    if by_steps and all(finding.sickness != "learning rate too high" for finding in found):
        found += curves.rate_too_high(case)
    if not restored:
        found += curves.over_fitting(case, curves.PATIENCE if going_on else 1)
    return found


def _unexplained(findings: list[Finding]) -> Iterator[Finding]:
    """All but those that another one explains."""
    there = {finding.sickness for finding in findings}
    return (f for f in findings if there.isdisjoint(EXPLAINED_BY.get(f.sickness, ())))


def _in_the_net(case: Case, going_on: bool, diverged: bool) -> Iterator[Finding]:
    """The findings where the rows go through the net."""
    if found := finiteness.not_finite(case):
        yield found
    elif diverged:
        yield from finiteness.diverging(case)
    if not all(finite(call.went) for call in case.predicting):
        return
    yield from rows.unscaled_inputs(case)
    yield from units.dead_units(case)
    yield from units.saturated_units(case)
    yield from gradients.exploding_gradients(case)
    yield from gradients.vanishing_gradients(case)
    if not going_on and (case.optimizer is None or case.optimizer.minimizer is None):
        yield from curves.rate_too_low(case)
    if not going_on:
        yield from rows.class_imbalance(case)


def reports_of(history: object, hint: str) -> list[EpochReport]:
    """The reports of a training, in their order."""
    reports = [] if history is None else [*history] if isinstance(history, Iterable) else None
    if reports is None or not all(isinstance(report, EpochReport) for report in reports):
        raise SettingError(
            f"history = {described(history)}",
            "a History, a list of reports, or None",
            hint,
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

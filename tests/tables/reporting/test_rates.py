"""Reports of rates: each row counts as its exposure, and the deviance is the measure."""

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mean_poisson_deviance

import handgrad as hg
from handgrad.tables.data.dependent_rows import RowRoles
from handgrad.tables.reporting.card import card_of
from handgrad.tables.reporting.checks import check_rows
from handgrad.tables.reporting.evidence import Evidence
from handgrad.tables.reporting.groups import groups_in
from handgrad.tables.reporting.importance import importance_of
from handgrad.tables.reporting.rows import timeline_of
from handgrad.tables.reporting.scores import ScoredRows, scored_rows, scores_of
from handgrad.tables.tabular.deviances import unit_deviances
from handgrad.textbook.layers import Array

POISSON = "mean_poisson_deviance"


def policies() -> tuple[pd.DataFrame, Array, Array]:
    """Columns, claims and exposures, of which a third are very small."""
    rng, n = np.random.default_rng(0), 500
    e = np.where(rng.random(n) < 0.3, rng.uniform(0.01, 0.05, n), rng.uniform(0.5, 1, n))
    frame = pd.DataFrame(
        {
            "a": rng.normal(size=n),
            "region": rng.choice(["north", "south"], n),
            "day": pd.date_range("2024-01-01", periods=n),
        }
    )
    return frame, rng.poisson(e * np.exp(frame["a"])).astype(float), e


@pytest.fixture(scope="module")
def model() -> hg.TabularRegressor:
    frame, y, e = policies()
    how = hg.TabularRegressor(2, loss="poisson", epochs=4, engine="eager", random_state=0)
    return how.fit(frame, y, exposure=e)


@pytest.fixture(scope="module")
def held(model: hg.TabularRegressor) -> ScoredRows:
    frame, y, e = policies()
    return scored_rows(model, frame, y / e, (), "X, y", RowRoles(exposure=e))


def test_the_losses_of_rates_are_those_of_the_counts(held: ScoredRows) -> None:
    _, y, e = policies()
    of_counts = unit_deviances(POISSON, held.predicted * e, y)
    np.testing.assert_allclose(held.losses * e.mean(), of_counts, rtol=1e-6, atol=1e-12)
    assert held.losses.argmax() != np.abs(held.y - held.predicted).argmax()


def test_a_rate_of_the_squared_error_counts_as_its_exposure_too(held: ScoredRows) -> None:
    _, _, e = policies()
    absolute = np.abs(held.y - held.predicted)
    of_squares = replace(held, deviance="")
    np.testing.assert_allclose(of_squares.losses, absolute * e / e.mean())
    without = replace(of_squares, roles=RowRoles(weights=e))
    np.testing.assert_array_equal(without.losses, absolute)


def test_groups_have_the_deviance_of_their_rates(held: ScoredRows) -> None:
    frame, _, e = policies()
    for group in groups_in(held)["region"]:
        rows = (frame["region"] == group.name).to_numpy()
        for score, some in ((group.score, rows), (group.other, ~rows)):
            expected = mean_poisson_deviance(
                held.y[some], held.predicted[some], sample_weight=e[some]
            )
            assert score == pytest.approx(expected)
        assert group.between is not None
        assert group.between[0] < group.score < group.between[1]


def test_columns_matter_by_the_deviance(model: hg.TabularRegressor, held: ScoredRows) -> None:
    _, _, e = policies()
    found = importance_of(model, held)
    assert found.scoring == POISSON
    expected = -mean_poisson_deviance(held.y, held.predicted, sample_weight=e)
    assert found.score == pytest.approx(expected)
    assert found.strongest[0] == "a"


def test_means_over_time_are_claims_by_exposure(held: ScoredRows) -> None:
    _, y, e = policies()
    evidence = SimpleNamespace(held=held, strong_columns=["day"])
    timeline = timeline_of(cast("Evidence", evidence))
    assert timeline is not None
    parts = np.split(np.arange(len(y)), np.cumsum(timeline.n)[:-1])
    rates = [y[part].sum() / e[part].sum() for part in parts]
    np.testing.assert_allclose(timeline.true, rates)
    deviances = [
        mean_poisson_deviance(held.y[part], held.predicted[part], sample_weight=e[part])
        for part in parts
    ]
    np.testing.assert_allclose(timeline.error, deviances)


def test_predicting_the_mean_rate_is_no_better_than_guessing(held: ScoredRows) -> None:
    _, y, e = policies()
    rates = np.where(e < 0.1, 20.0, held.y)  # whose mean is another without the exposures
    guess = np.full(len(y), np.average(rates, weights=e))
    mean = replace(held, y=rates, predicted=guess)
    listed = check_rows(mean, mean, scores_of(mean, mean), [])
    assert "no better than guessing" in [finding.problem for finding in listed.findings]


def test_the_card_has_no_unit_of_a_deviance(model: hg.TabularRegressor) -> None:
    frame, y, e = policies()
    rows, roles = (frame, y / e), (RowRoles(exposure=e), RowRoles(exposure=e))
    about = {"target": "claims / years"}
    card = card_of(Evidence(model, *rows, rows, None, about, roles=roles), "9.9", "2031-05-06")
    names = [row[0] for row in card.scores]
    unit = ", in units of claims / years"
    assert names[:2] == ["Mean poisson deviance", f"Mean absolute error{unit}"]

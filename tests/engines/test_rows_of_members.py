"""Rows that members share, drawn by their numbers: the bits of a copy for each member."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.compiled.python import PythonRunner
from handgrad.engines.sharding import Sharding
from handgrad.textbook.net.shared_rows import SharedRows
from tests.engines.one_epoch import KINDS, engine_of, run_epoch

N, K = 50, 3
RNG = np.random.default_rng(0)
CODES = RNG.integers(0, 4, (40, 2))
VALUES = np.concatenate([RNG.standard_normal((40, 3)), CODES], axis=1)
TARGETS = RNG.standard_normal((40, 2))
NEXT_CODE = np.array([0, 0, 0, 0, 1])
MEMBERS = RNG.integers(0, 40, (N, K))


def rows(dtype: Any, k: int = K) -> tuple[SharedRows, SharedRows]:
    members = MEMBERS[:, :k]
    return SharedRows(VALUES.astype(dtype), members), SharedRows(TARGETS.astype(dtype), members)


def net_for(dtype: Any, k: int = K) -> hg.Net:
    among: Any = {"n_codes": 2, "n_numbers": 3}
    return hg.Net(
        hg.tables.EnsembleEmbedding(4, 2, k, **among, rng=0, dtype=dtype),
        hg.layers.FeatureScale((k, 7), dtype=dtype),
        hg.tables.EnsembleLinear(7, 5, k, rng=0, dtype=dtype),
        hg.Tanh(),
        hg.tables.EnsembleLinear(5, 2, k, rng=1, dtype=dtype),
    )


def copied(part: SharedRows) -> Any:
    return np.stack([part.values[member] for member in part.members.T], axis=1)


def test_they_stand_for_the_rows_of_all_members() -> None:
    x, _ = rows(np.float32)
    expected = copied(x)
    assert (len(x), x.shape, x.ndim) == (N, expected.shape, 3)
    assert x.dtype == np.float32
    for some in (slice(4), slice(None), np.array([7, 2, 7])):
        np.testing.assert_array_equal(x[some], expected[some])
    np.testing.assert_array_equal(np.asarray(x), expected)
    assert np.asarray(x, np.float64).dtype == np.float64


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("k", [1, K])
@pytest.mark.parametrize("weighted", [False, True])
def test_an_epoch_has_the_bits_of_copies(kind: Any, dtype: Any, k: int, weighted: bool) -> None:
    found = []
    w = np.linspace(0.1, 1, N).astype(dtype) if weighted else None
    shared = rows(dtype, k)
    for x, y in (shared, tuple(map(copied, shared))):
        net = net_for(dtype, k)
        engine = engine_of(kind, net, hg.MSELoss(), hg.Adam(0.1), x, y, 16, w=w)
        for seed in range(2):
            epoch = run_epoch(engine, np.random.default_rng(seed).permutation(N))
        loss, p = engine.gradients(np.array([3, 49, 0]))
        found.append((net.parameters, net.gradients, epoch.predictions, epoch.loss, loss, p))
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_program_as_python_draws_the_same_rows() -> None:
    found = []
    for python in (False, True):
        x, y = rows(np.float64)
        engine = engine_of(KINDS[1], net_for(np.float64), hg.MSELoss(), hg.SGD(0.1), x, y, 16)
        if python:
            engine.run = PythonRunner(engine.run.program)
        found.append(run_epoch(engine, np.arange(N)[::-1].copy()))
    np.testing.assert_allclose(found[0].predictions, found[1].predictions, rtol=1e-11)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("copy_x", [False, True])
def test_targets_may_be_of_other_members_than_inputs(kind: Any, copy_x: bool) -> None:
    x, y = rows(np.float64)
    other = SharedRows(y.values, MEMBERS[::-1])
    found = []
    for part in (other, copied(other)):
        net = net_for(np.float64)
        given = copied(x) if copy_x else x
        run_epoch(engine_of(kind, net, hg.MSELoss(), hg.SGD(0.1), given, part, 16), np.arange(N))
        found.append(net.parameters)
    np.testing.assert_array_equal(found[0], found[1])


def test_rows_that_are_not_there_are_refused() -> None:
    with pytest.raises(hg.errors.DataError, match="members with rows -1 to 39"):
        SharedRows(VALUES, np.array([[39, -1]]))


@pytest.mark.parametrize("engine", ["eager", "compiled"])
@pytest.mark.parametrize("shards", [1, 3])
def test_a_training_has_the_bits_of_copies(engine: Any, shards: int) -> None:
    found = []
    shared = rows(np.float64)  # which the net takes as float32
    for data in (shared, tuple(map(copied, shared))):
        net = net_for(np.float32)
        job: Any = {"loss": hg.MSELoss(), "optimizer": hg.Adam(0.05), "metrics": ["r2"]}
        job |= {"evaluate_training": True, "engine": engine, "sharding": Sharding(shards)}
        history = hg.fit(net, data, epochs=3, batch_size=16, rng=0, **job)
        reports = [replace(report, seconds=0.0) for report in history]
        found.append((net.parameters.tolist(), reports))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y: (x.of(np.where(x.values > 2, np.nan, x.values)), y), "NaN or infinite"),
        (lambda x, y: (x.of(x.values + NEXT_CODE), y), "codes from 0 to 4"),
        (lambda x, y: (x, y.of(y.values[:, :1])), r"targets of shape"),
        (lambda x, y: (x, y.of(np.full_like(y.values, np.inf))), "NaN or inf"),
    ],
)
def test_what_cannot_be_learned_from_is_refused_as_in_copies(change: Any, message: str) -> None:
    for data in (rows := change(*rows_of_all()), tuple(map(copied, rows))):
        with pytest.raises(hg.HandgradError, match=message):
            hg.fit(net_for(np.float64), data, loss=hg.MSELoss(), optimizer=hg.SGD(0.1), epochs=1)


def rows_of_all() -> tuple[SharedRows, SharedRows]:
    """Rows of which each is some member's."""
    members = np.arange(40)[:, None].repeat(K, axis=1)
    return SharedRows(VALUES, members), SharedRows(TARGETS, members)


def test_machine_code_refuses_a_code_out_of_range() -> None:
    x, y = rows_of_all()
    with pytest.raises(hg.errors.DataError, match="indices from 0 to 4 in x"):
        engine_of(
            KINDS[1],
            net_for(np.float64),
            hg.MSELoss(),
            hg.SGD(0.1),
            x.of(x.values + NEXT_CODE),
            y,
            16,
        )

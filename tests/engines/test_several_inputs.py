"""Nets whose first page takes several arrays: the same numbers from every engine, and bad input."""

import copy
import itertools
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.compiled import thread_pool
from handgrad.engines.compiled.engine import CompiledEngine
from handgrad.engines.compiled.program_cache import PREDICTED_AT_ONCE as BATCH
from handgrad.engines.dispatch import DispatchingPredictor
from handgrad.engines.eager import EagerEngine
from handgrad.engines.portable.engine import PortableEngine
from tests.bad_input.refused import refused
from tests.engines.against_eager import compare
from tests.engines.guarded import at_the_end_of_memory
from tests.engines.one_epoch import engine_of, run_epoch
from tests.graph.spellings.several import ByIndex, PaddedAttention, PaddedMean, TwoTowers

RNG = np.random.default_rng(0)
N = 11
SEQUENCES, CODES = RNG.standard_normal((N, 4, 6)), RNG.integers(0, 5, (N, 4))
MASK = np.arange(4) < RNG.integers(1, 5, N)[:, None]
INPUTS: dict[Any, Any] = {
    PaddedAttention: (SEQUENCES, MASK),
    PaddedMean: (SEQUENCES, MASK),
    ByIndex: (SEQUENCES, CODES),
    TwoTowers: (SEQUENCES[:, 0], SEQUENCES[:, 1, :2]),
}
WIDTHS = {PaddedAttention: 16, PaddedMean: 6, ByIndex: 16, TwoTowers: 3}
Y, W = RNG.standard_normal((N, 2)), RNG.uniform(0.1, 1, N)
LOSS = hg.MSELoss()

each_page = pytest.mark.parametrize("page", INPUTS)
each_engine = pytest.mark.parametrize("engine", ["compiled", "portable"])


def net_of(page: Any, dtype: Any = np.float64) -> hg.Net:
    layers = (hg.Flatten(), hg.Dropout(0.2), hg.Linear(WIDTHS[page], 2, rng=3))
    return hg.Net(page(), *layers, dtype=dtype)


def fitted(page: Any, engine: Any, **settings: Any) -> tuple[hg.Net, hg.training.History]:
    net, x = net_of(page), INPUTS[page]
    held = tuple(part[:5] for part in x), Y[:5]
    options: dict[str, Any] = {"validation": held, "sample_weight": W, "epochs": 4} | settings
    history = hg.fit(
        net,
        (x, Y),
        loss=LOSS,
        optimizer=hg.Adam(0.01),
        batch_size=4,
        rng=0,
        engine=engine,
        **options,
    )
    return net, history


@each_page
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_training_is_that_of_the_pages(page: Any, dtype: Any, weighted: bool) -> None:
    net = net_of(page, dtype)
    x = tuple(net.cast(part, one_of_several=True) for part in INPUTS[page])
    w = W.astype(dtype) if weighted else None
    for kind in (CompiledEngine, PortableEngine):
        compare(net, LOSS, hg.SGD(0.05), x, Y.astype(dtype), 4, w=w, kind=kind)


@each_page
def test_the_printed_program_is_the_training(page: Any) -> None:
    compare(net_of(page), LOSS, hg.SGD(0.05), INPUTS[page], Y, 4, python=True)
    text = hg.compiled_source(net_of(page), LOSS, hg.SGD(0.1), x=INPUTS[page], y=Y)
    assert "x_0,              # one of the inputs, row after row\n    x_1,  " in text


@each_page
@each_engine
def test_from_data_to_reports(page: Any, engine: Any) -> None:
    (net, history), (eager, expected) = (fitted(page, name) for name in (engine, "eager"))
    np.testing.assert_allclose(net.parameters, eager.parameters, 0, 1e-10)
    for name in ("train_loss", "validation_loss", "validation_r2"):
        assert history[name] == pytest.approx(expected[name], rel=1e-10)
    found = hg.evaluate(net, (INPUTS[page], Y), loss=LOSS, engine=engine)
    assert found.loss == pytest.approx(hg.evaluate(eager, (INPUTS[page], Y), loss=LOSS).loss)


@pytest.mark.parametrize("kind", [EagerEngine, CompiledEngine, PortableEngine])
def test_the_halves_of_a_step_are_an_epoch(kind: Any) -> None:
    nets = [net_of(ByIndex), net_of(ByIndex)]
    for net in nets:
        net.seed(0)
    x = INPUTS[ByIndex]
    whole, halves = (engine_of(kind, net, LOSS, hg.Adam(0.1), x, Y, 4) for net in nets)
    order = np.arange(N)[::-1].copy()
    run_epoch(whole, order)
    for start in range(0, N, 4):
        halves.gradients(order[start : start + 4])
        halves.apply(0.1)
    np.testing.assert_array_equal(nets[0].parameters, nets[1].parameters)


@each_page
@each_engine
@pytest.mark.parametrize("n", [1, N, BATCH + 1])
def test_predictions(page: Any, engine: Any, n: int) -> None:
    net = net_of(page)
    x = tuple(np.resize(part, (n, *part.shape[1:])) for part in INPUTS[page])
    net.predict(INPUTS[page], engine=engine)
    assert isinstance(net._predictor, DispatchingPredictor)
    made = net._predictor.made[engine]
    found, expected = net.predict(x, engine=engine), copy.deepcopy(net).predict(x, engine="eager")
    np.testing.assert_allclose(found, expected, 1e-12, 1e-12)
    assert made(x) is not None
    across = tuple(np.asfortranarray(part) for part in x)
    np.testing.assert_array_equal(net.predict(across, engine=engine), found)


def test_machine_code_answers_for_inputs_like_those_it_was_made_of_alone() -> None:
    net, (x, codes) = net_of(ByIndex), INPUTS[ByIndex]
    net.predict((x, codes), engine="compiled")
    assert isinstance(net._predictor, DispatchingPredictor)
    made = net._predictor.made["compiled"]
    others: list[Any] = [
        x,
        (x,),
        (x, codes, codes),
        [x, codes],
        (x, codes[:5]),
        (x, codes.astype(float)),
        (x[:, :3], codes),
        (x, codes.tolist()),
        (x, codes + 5),
        (codes, x),
    ]
    expected = made((x, codes))
    assert expected is not None
    for other in others:
        assert made(other) is None
    found = net.predict((x.tolist(), codes.astype(np.int8)), engine="compiled")
    np.testing.assert_array_equal(found, expected)


def test_no_number_beyond_an_input_is_read() -> None:
    net = net_of(PaddedAttention)
    net.seed(0)
    x = tuple(at_the_end_of_memory(np.ascontiguousarray(part)) for part in INPUTS[PaddedAttention])
    engine = engine_of(CompiledEngine, net, LOSS, hg.SGD(0.1), x, Y, 4, [x])
    assert np.isfinite(run_epoch(engine, np.arange(N)).held_out[0]).all()


def test_numbers_that_are_not_finite_in_any_input() -> None:
    for i in (0, 1):
        x = tuple(part.copy() for part in INPUTS[TwoTowers])
        x[i][3, 1] = np.nan
        with refused(hg.errors.DataError, f"training data, input {i + 1}", "row 3, feature 1"):
            hg.fit(net_of(TwoTowers), (x, Y), loss=LOSS, optimizer=hg.SGD(0.1), epochs=1)
        with refused(hg.errors.DataError, "in row 3"):
            net_of(TwoTowers).predict(x)


def test_a_share_held_out_and_a_training_that_goes_on(tmp_path: Any) -> None:
    halves = {"validation": 0.2, "checkpoint": tmp_path / "run", "resume": True}
    fitted(ByIndex, "compiled", **halves, epochs=2)
    net, history = fitted(ByIndex, "compiled", **halves)
    whole, expected = fitted(ByIndex, "compiled", validation=0.2)
    assert history["train_loss"] == expected["train_loss"]
    np.testing.assert_array_equal(net.parameters, whole.parameters)


@each_page
def test_all_that_looks_at_a_net_takes_them(page: Any) -> None:
    net, x = net_of(page, np.float32), INPUTS[page]
    graph = hg.trace(net, LOSS, x=x, y=Y)
    assert [*graph.leaves.inputs] == ["x[0]", "x[1]", "y"]
    assert {"dx[0]"} <= {*graph.outputs.named()}
    assert hg.check_gradients(net_of(page), loss=LOSS, x=x, y=Y, entries=20).ok
    history = hg.fit(net, (x, Y), loss=LOSS, optimizer=hg.Adam(0.01), epochs=2, rng=0)
    assert "not finite" not in str(hg.diagnose(net, history, (x, Y), loss=LOSS))
    assert net.outputs(x)["0"].dtype == np.float32


def test_truth_values_stay_and_floats_are_cast() -> None:
    class Seen(PaddedMean):
        def forward(self, inputs: Any) -> Any:
            self.types = [part.dtype for part in inputs]
            return super().forward(inputs)

    net = hg.Net(Seen(), dtype=np.float32)
    net.forward((SEQUENCES, MASK))
    assert vars(net.layers[0])["types"] == [np.float32, np.bool_]
    net.forward((SEQUENCES.tolist(), MASK.astype(np.uint8)))
    assert vars(net.layers[0])["types"] == [np.float32, np.int64]


@pytest.mark.parametrize("engine", ["eager", "compiled", "auto"])
def test_whole_numbers_that_are_computed_with_are_refused(engine: Any) -> None:
    whole = (SEQUENCES[:, 0], CODES[:, :2])

    class Sum(hg.Layer):
        def forward(self, inputs: Any) -> Any:
            return inputs[0][:, :2] + inputs[1]

        def backward(self, dy: Any) -> Any:
            return None, dy

    net = hg.Net(Sum(), dtype=np.float32)
    with refused(hg.errors.DataError, "float64 from inputs of types float32 and int64", "astype"):
        hg.fit(net, (whole, Y), loss=LOSS, optimizer=hg.SGD(0.1), epochs=1, engine=engine)


BAD: list[tuple[Any, type[hg.HandgradError], tuple[str, ...]]] = [
    (
        (SEQUENCES, CODES[:5]),
        hg.errors.DataError,
        ("training data: 5 and 11 rows of x and 11 targets",),
    ),
    ((SEQUENCES, 3), hg.errors.DataError, ("training data, input 2: the single number 3",)),
    ((SEQUENCES, CODES + 3), hg.errors.ShapeError, ("ByIndex", "out of bounds")),
    ((SEQUENCES, CODES - 1), hg.errors.DataError, ("indices from -1 to", "in x[1]", "from 0 to 4")),
    ((SEQUENCES, [["a"] * 4] * N), hg.errors.DataError, ("<U1",)),
    ((SEQUENCES, [[1], [1, 2]]), hg.errors.DataError, ("input 2", "different lengths")),
    ((SEQUENCES,), hg.errors.ShapeError, ("ByIndex", "(4, 4, 6)", "not enough values")),
    ((SEQUENCES, CODES, CODES), hg.errors.ShapeError, ("ByIndex", "too many values")),
    ((), hg.errors.DataError, ("no rows of x",)),
    (SEQUENCES, hg.errors.ShapeError, ("ByIndex", "(4, 4, 6)")),
]


@pytest.mark.parametrize(("x", "kind", "words"), BAD)
def test_bad_rows_are_refused(x: Any, kind: Any, words: tuple[str, ...]) -> None:
    net = net_of(ByIndex)
    with refused(kind, *words, net=net):
        hg.fit(net, (x, Y), loss=LOSS, optimizer=hg.SGD(0.1), epochs=1, engine="compiled")


@pytest.mark.parametrize("engine", ["eager", "compiled", "portable"])
def test_rows_that_do_not_fit_together_are_not_predicted(engine: Any) -> None:
    net = net_of(ByIndex)
    for x in ((SEQUENCES, CODES[:5]), (SEQUENCES, np.array(3))):
        with refused(
            hg.errors.ShapeError,
            "a tuple of arrays of shapes (11, 4, 6) and",
            "the same number of rows",
        ):
            net.predict(x, engine=engine)


def test_a_net_of_one_array_says_what_to_do_with_two() -> None:
    net = hg.Net(hg.Linear(8, 2, rng=0))
    with refused(hg.errors.ShapeError, "a tuple of 2 arrays", "np.column_stack(x)"):
        net.predict((SEQUENCES[:, 0], SEQUENCES[:, 1]))


def test_no_rows_have_no_predictions() -> None:
    net = hg.Net(PaddedMean(), hg.Linear(6, 2, rng=0))
    for engine in ("eager", "compiled", "portable"):
        assert net.predict((SEQUENCES[:0], MASK[:0]), engine=engine).shape == (0, 2)


def test_few_rows_are_predicted_without_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread_pool, "Thread", None)  # to begin one fails
    net, x = net_of(PaddedMean), (np.tile(SEQUENCES, (40, 1, 1)), np.tile(MASK, (40, 1)))
    expected = net.predict(x, engine="eager")
    np.testing.assert_allclose(net.predict(x, engine="compiled"), expected, 1e-12)


def test_trainings_of_other_inputs_have_code_of_their_own() -> None:
    for length, mask in itertools.product((4, 2), (MASK, MASK.astype(float), MASK.astype(int))):
        net = hg.Net(PaddedMean(), hg.Linear(6, 2, rng=3), dtype=np.float64)
        compare(net, LOSS, hg.SGD(0.1), (SEQUENCES[:, :length], mask[:, :length]), Y, 4, epochs=1)


class Padded(hg.Layer):
    """A sequence beside its mask."""

    def forward(self, inputs: Any) -> Any:
        return inputs[0]

    def backward(self, dy: Any) -> Any:
        return dy, None

    def mask_out(self, inputs: Any, mask: Any) -> Any:
        return inputs[1]


def padded(*layers: hg.Layer) -> hg.Net:
    return hg.Net(Padded(), *layers, hg.Linear(4, 2, rng=1), dtype=np.float64)


@pytest.mark.parametrize("engine", ["eager", "compiled", "portable"])
def test_a_mask_among_the_inputs_goes_beside_the_rows_as_that_of_padding_does(engine: Any) -> None:
    net, twin = (padded(hg.GRU(6, 4, rng=0, return_sequences=True)) for _ in range(2))
    filled = np.where(MASK[:, :, None], SEQUENCES, 99.0)
    targets = RNG.standard_normal((N, 4, 2))
    settings: Any = {"loss": LOSS, "optimizer": hg.SGD(0.1), "epochs": 3, "rng": 0}
    history = hg.fit(net, ((SEQUENCES, MASK), targets), **settings, engine=engine)
    expected = hg.fit(twin, ((filled, MASK), targets), **settings, sample_weight=MASK)
    np.testing.assert_allclose(net.parameters, twin.parameters, 1e-10)
    assert history["train_loss"] == pytest.approx(expected["train_loss"], rel=1e-10)
    read = padded(hg.GRU(6, 4, rng=0))
    p = read.predict((SEQUENCES, MASK), engine=engine)
    np.testing.assert_allclose(read.predict((filled, MASK), engine=engine), p, 1e-12)
    for row, length in enumerate(MASK.sum(axis=1)):
        alone = SEQUENCES[row : row + 1, :length], MASK[row : row + 1, :length]
        np.testing.assert_allclose(read.predict(alone)[0], p[row], 1e-12)

"""What cannot be recorded is refused, with the line and what to write instead."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.graph import interpret

X = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)


def layer(forward: Callable[[Any, Any], Any]) -> hg.Layer:
    """A layer with that forward, and a backward that passes on."""
    body = {"forward": forward, "backward": lambda self, dy: dy}
    kind = type("Page", (hg.Layer,), body)
    return kind()


def branch_on_data(self: Any, x: Any) -> Any:
    return x if x.sum() > 0 else -x


def loop_over_rows(self: Any, x: Any) -> Any:
    return np.stack([row * 2 for row in x])


def loop_over_row_numbers(self: Any, x: Any) -> Any:
    total = x[0]
    for i in range(1, len(x)):
        total = total + x[i]
    return x + total


def loop_as_long_as_the_batch(self: Any, x: Any) -> Any:
    for _ in range(len(x)):
        x = x + 1
    return x


def branch_on_the_batch_size(self: Any, x: Any) -> Any:
    if len(x) > 8:
        return x + 1
    return x + 2


def hidden_draw_of_an_array(self: Any, x: Any) -> Any:
    return x * np.random.default_rng().random(x.shape, dtype=np.float32)


def hidden_draw_per_feature(self: Any, x: Any) -> Any:
    return x * np.random.default_rng().random(4, dtype=np.float32)


def hidden_draw_of_a_number(self: Any, x: Any) -> Any:
    return x * float(np.random.default_rng().random())


def table_that_depends_on_the_batch(self: Any, x: Any) -> Any:
    return x * np.linspace(0, 1, len(x), dtype=np.float32)[:, None]


def number_taken_out(self: Any, x: Any) -> Any:
    return x / float(x.sum())


def standard_librarys_root(self: Any, x: Any) -> Any:
    return x / math.sqrt((x**2).sum())


def write_into_zeros_of_a_shape(self: Any, x: Any) -> Any:
    y = np.zeros(x.shape)
    y[:] = x
    return y


def write_into_its_input(self: Any, x: Any) -> Any:
    x += 1
    return x


def write_into_part_of_its_input(self: Any, x: Any) -> Any:
    x[:, 0] = 0
    return x


def write_into_a_view(self: Any, x: Any) -> Any:
    d = np.zeros_like(x)
    first = d[:, 0]
    first += 1
    return d


def write_back_a_view_elsewhere(self: Any, x: Any) -> Any:
    d = np.zeros_like(x)
    first = d[:, 0]
    first += 1
    d[:, 1] = first
    return d


def read_of_a_stale_view(self: Any, x: Any) -> Any:
    d = np.zeros_like(x)
    first = d[:, 0]
    d += 1
    return d + first[:, None]


def write_through_a_reshaped_input(self: Any, x: Any) -> Any:
    flat = x.reshape(-1)
    flat[0] = 1
    return x


def write_through_an_uncopied_input(self: Any, x: Any) -> Any:
    same = x.astype(x.dtype, copy=False)
    same -= 1
    return x


def float64_scalar(self: Any, x: Any) -> Any:
    return x / np.sqrt(2)


def float64_array(self: Any, x: Any) -> Any:
    return x * np.ones(4)


def float64_draw(self: Any, x: Any) -> Any:
    return x * self.rng.random(x.shape)


def selection_by_mask(self: Any, x: Any) -> Any:
    return x[x > 0]


def one_hot_by_eye(self: Any, x: Any) -> Any:
    return x + np.eye(4, dtype=np.float32)[x.argmax(axis=1)]


def squeeze_of_every_axis(self: Any, x: Any) -> Any:
    return x[:, :1].squeeze()


def unknown_function(self: Any, x: Any) -> Any:
    return np.sort(x)


def unknown_method(self: Any, x: Any) -> Any:
    return x * np.float32(x.tolist()[0][0])


def unknown_ufunc_method(self: Any, x: Any) -> Any:
    return np.subtract.reduce(x, axis=1)


def write_by_out(self: Any, x: Any) -> Any:
    total = np.zeros_like(x[0])
    np.sum(x, axis=0, out=total)
    return x - total


def write_by_a_reductions_out(self: Any, x: Any) -> Any:
    total = np.zeros_like(x[0])
    np.add.reduce(x, axis=0, out=total)
    return x - total


def unknown_draw(self: Any, x: Any) -> Any:
    return x[self.rng.permutation(4)]


def result_without_the_input(self: Any, x: Any) -> Any:
    return np.ones(4)


REFUSED = {
    branch_on_data: ("x.sum() > 0", "branches on data", "np.where"),
    loop_over_rows: ("for row in x", "a loop over rows", "x.sum(axis=1)"),
    loop_over_row_numbers: ("total + x[i]", "a loop over rows", "x.sum(axis=1)"),
    loop_as_long_as_the_batch: ("x = x + 1", "a loop over rows", "x.sum(axis=1)"),
    branch_on_the_batch_size: ("return x + ", "a branch on len(x)", "x.sum(axis=1)"),
    hidden_draw_of_an_array: (".random(x.shape", "no known rule", "self.rng.random"),
    hidden_draw_per_feature: (".random(4", "changes from run to run", "self.rng.random"),
    hidden_draw_of_a_number: ("float(", "changes from run to run", "self.rng.random"),
    table_that_depends_on_the_batch: ("np.linspace", "no known rule", "self.rng"),
    number_taken_out: ("float(x.sum())", "takes the number out", "leave out float()"),
    standard_librarys_root: ("math.sqrt", "takes the number out", "x ** 0.5"),
    write_into_zeros_of_a_shape: ("y[:] = x", "into a plain array", "np.zeros_like(x)"),
    write_into_its_input: ("x += 1", "did not create", "x.copy()"),
    write_into_part_of_its_input: ("x[:, 0] = 0", "did not create", "x.copy()"),
    write_into_a_view: ("first += 1", "writes into a view", "d[:, 0] += 1"),
    write_back_a_view_elsewhere: ("first += 1", "writes into a view", "d[:, 0] += 1"),
    read_of_a_stale_view: ("return d + first", "reads a view", "take it again"),
    write_through_a_reshaped_input: ("flat[0] = 1", "writes into a view", "d[:, 0] += 1"),
    write_through_an_uncopied_input: ("same -= 1", "writes into a view", "d[:, 0] += 1"),
    float64_scalar: ("np.sqrt(2)", "turns float32 into float64", "2 ** 0.5"),
    float64_array: ("np.ones(4)", "turns float32 into float64", "astype(x.dtype)"),
    float64_draw: ("x * self.rng.random", "turns float32 into float64", "dtype=x.dtype"),
    selection_by_mask: ("x[x > 0]", "selects by a mask", "np.where"),
    one_hot_by_eye: ("np.eye", "into a plain array", "y[:, None] == np.arange(k)"),
    squeeze_of_every_axis: ("squeeze()", "every axis of length 1", "axis=1"),
    unknown_function: ("np.sort(x)", "np.sort", "need no order"),
    unknown_method: ("x.tolist()", ".tolist", "not known while tracing"),
    unknown_ufunc_method: ("np.subtract.reduce", "np.subtract.reduce", "sums"),
    write_by_out: ("out=total", "an array to write into", "out=d"),
    write_by_a_reductions_out: ("out=total", "an array to write into", "out=d"),
    unknown_draw: ("permutation", "draws by rng.permutation", "self.rng.random"),
}


@pytest.mark.parametrize("page", REFUSED, ids=lambda page: page.__name__)
def test_a_page_that_cannot_be_recorded_is_refused_with_its_line(page: Any) -> None:
    code, says, hint = REFUSED[page]
    with pytest.raises(hg.errors.RecordingError) as caught:
        hg.trace(layer(page), x=X)
    first, _, last = str(caught.value).split("\n")
    first = first.removeprefix("layer 1 of 1, Page(): ")
    start = page.__code__.co_firstlineno
    named = int(first.split(":")[1].split(",")[0])
    assert first.startswith("test_refusals.py:")
    assert start < named < start + 6
    assert code in first
    assert says in first
    assert hint in last


def test_a_result_not_made_from_the_input_is_refused() -> None:
    with pytest.raises(
        hg.errors.RecordingError, match="prediction is ndarray, which was not computed"
    ):
        hg.trace(layer(result_without_the_input), x=X)


class Counting(hg.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def forward(self, x: Any) -> Any:
        self.count += 1
        return x * self.count

    def backward(self, dy: Any) -> Any:
        return dy


class Remembering(hg.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.mean = np.zeros(4, np.float32)

    def forward(self, x: Any) -> Any:
        self.mean = x.mean(axis=0)
        return x

    def backward(self, dy: Any) -> Any:
        return dy


class Adding(Remembering):
    def forward(self, x: Any) -> Any:
        self.mean += x.mean(axis=0)
        return x


class Collecting(hg.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.sizes = [0]

    def forward(self, x: Any) -> Any:
        self.sizes.append(len(x))
        return x

    def backward(self, dy: Any) -> Any:
        return dy


class CountingInAnArray(Counting):
    def __init__(self) -> None:
        super().__init__()
        self.seen = np.zeros(1, np.float32)

    def forward(self, x: Any) -> Any:
        self.seen[0] += len(x)
        return x


class TrainingItself(hg.Layer):
    param_names = ("s",)

    def __init__(self) -> None:
        super().__init__()
        self.s = np.ones(4)

    def forward(self, x: Any) -> Any:
        self.s = self.s * 2
        return x * self.s

    def backward(self, dy: Any) -> Any:
        self.ds = dy.sum(axis=0)
        return dy


class WritingLater(hg.Layer):
    def forward(self, x: Any) -> Any:
        self.d = np.zeros_like(x)
        return x

    def backward(self, dy: Any) -> Any:
        self.d += dy
        return self.d


class KeepingTheLastBatch(hg.Layer):
    last: Any

    def forward(self, x: Any) -> Any:
        y = self.last
        self.last = x
        return y

    def backward(self, dy: Any) -> Any:
        return dy


@pytest.mark.parametrize(
    ("page", "code", "hint"),
    [
        (Counting, "self.count += 1", 'state_names = ("count",)'),
        (Remembering, "self.mean = x.mean(axis=0)", 'state_names = ("mean",)'),
        (Adding, "self.mean += x.mean(axis=0)", "np.zeros_like(x)"),
        (Collecting, "self.sizes.append(len(x))", 'state_names = ("sizes",)'),
        (CountingInAnArray, "self.seen[0] += len(x)", 'state_names = ("seen",)'),
        (TrainingItself, "self.s = self.s * 2", "another name"),
        (WritingLater, "self.d += dy", "copy it first"),
    ],
)
def test_state_that_outlives_a_step_must_be_declared(page: Any, code: str, hint: str) -> None:
    with pytest.raises(hg.errors.RecordingError) as caught:
        hg.trace(page(), x=X)
    assert f"`{code}`" in str(caught.value)
    assert "test_refusals.py:" in str(caught.value)
    assert hint in str(caught.value)


def test_what_an_earlier_step_left_behind_cannot_be_read() -> None:
    page = KeepingTheLastBatch()
    page.last = X
    with pytest.raises(hg.errors.NotYetComputedError, match="'last'"):
        hg.trace(page, x=X)


class StartingFromNothing(hg.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.last: Any = None

    def forward(self, x: Any) -> Any:
        y = x if self.last is None else x + self.last
        self.last = x
        return y

    def backward(self, dy: Any) -> Any:
        return dy


class SlowStart(hg.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.started: Any = None

    def forward(self, x: Any) -> Any:
        if self.started is None:
            self.started = "yes"
            return x * 2
        return x + 1

    def backward(self, dy: Any) -> Any:
        return dy


@pytest.mark.parametrize(
    ("page", "says"),
    [
        (StartingFromNothing, "x + self.last`, reads an array of an earlier step"),
        (SlowStart, "return x + 1`, does not run in the second step as in the first"),
    ],
)
def test_a_page_whose_second_step_differs_is_refused(page: Any, says: str) -> None:
    with pytest.raises(hg.errors.RecordingError) as caught:
        hg.trace(page(), x=X)
    assert says in str(caught.value)
    assert "state_names" in str(caught.value)


def test_an_optimizer_that_counts_by_itself_is_refused() -> None:
    class Counts(hg.optimizers.Optimizer):
        t = 0

        def __init__(self, learning_rate: float) -> None:
            super().__init__(learning_rate)
            self.t = 0

        def rule(self, w: Any, dw: Any, *, learning_rate: Any, step: Any) -> Any:
            self.t += 1
            return w - learning_rate / self.t * dw

    with pytest.raises(hg.errors.RecordingError, match=r"test_refusals\.py:\d+, `self\.t \+= 1`"):
        hg.trace(Counts(0.1))


def test_a_rate_read_from_the_optimizer_is_no_constant() -> None:
    class ReadsItsOwn(hg.optimizers.Optimizer):
        def rule(self, w: Any, dw: Any, *, learning_rate: Any, step: Any) -> Any:
            return w - self.learning_rate * dw

    optimizer = ReadsItsOwn(0.1)
    graph = hg.trace(optimizer)
    given = {"dw": np.ones(3), "learning_rate": 0.25, "step": 1}
    found = interpret(graph, given, 3, {"w": np.ones(3)})
    np.testing.assert_array_equal(found.new_parameters["w"], [0.75] * 3)
    assert optimizer.learning_rate == 0.1


def test_declared_state_written_in_place_is_refused() -> None:
    class InPlace(Remembering):
        state_names = ("mean",)

        def forward(self, x: Any) -> Any:
            self.mean += x.mean(axis=0)
            return x

    with pytest.raises(hg.errors.RecordingError, match="did not create"):
        hg.trace(InPlace(), x=X)

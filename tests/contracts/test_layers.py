"""What every layer must keep to."""

import copy
import pickle
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.check.gradient_check import draw
from handgrad.graph import interpret
from handgrad.textbook.net.minibatches import example_input
from tests.contracts.table import LAYERS, MORE_AXES
from tests.files.mutations import with_larger_sizes

DTYPES = (np.float32, np.float64)
NEED_NO_FORWARD = {
    "Standardize",
    "PositionEmbedding",
    "SinusoidalEncoding",
    "RotaryEmbedding",
    "Transpose",
    "GaussianNoise",
}

each_layer = pytest.mark.parametrize("name", LAYERS)
# By name, or by name and the shape of a row of more than one axis.
CASES = [*LAYERS, *MORE_AXES.items()]
each_case = pytest.mark.parametrize(
    "case", CASES, ids=lambda case: case if isinstance(case, str) else f"{case[0]} of {case[1]}"
)
Case = str | tuple[str, tuple[int, ...]]
each_dtype = pytest.mark.parametrize("dtype", DTYPES)


def prepared(case: Case, dtype: Any = np.float64, n: int = 5) -> tuple[hg.Net, Any, Any]:
    """The layer in a net of that dtype, its input, and a random upstream gradient.

    Its numbers are drawn: where it begins at 0 or 1, much would go unseen.
    """
    name, shape = (case, None) if isinstance(case, str) else case
    net = hg.Net(LAYERS[name](), dtype=dtype)
    draw(net, np.random.default_rng(2))
    net.seed(0)
    x = example_input(net, n) if shape is None else rows(net, (n, *shape), dtype)
    y = copy.deepcopy(net).forward(x)
    dy = np.random.default_rng(1).standard_normal(y.shape).astype(dtype)
    return net, x, dy


def rows(net: hg.Net, shape: tuple[int, ...], dtype: Any) -> Any:
    rng = np.random.default_rng(0)
    return rng.integers(0, 5, shape) if net.integer_input else rng.normal(size=shape).astype(dtype)


def test_the_table_lists_every_layer() -> None:
    public = {
        name
        for name, kind in (vars(hg.layers) | vars(hg)).items()
        if isinstance(kind, type) and issubclass(kind, hg.Layer)
    }
    assert public - {"Layer"} == set(LAYERS)


@each_case
@each_dtype
def test_shapes_and_dtypes_are_kept(case: Case, dtype: Any) -> None:
    net, x, dy = prepared(case, dtype)
    y = net.forward(x)
    dx = net.backward(dy)
    assert y.dtype == dtype
    if dx is None:
        assert x.dtype.kind == "i"
    else:
        assert (dx.shape, dx.dtype) == (x.shape, dtype)
    for _, layer in net.walk():
        for parameter in layer.param_names:
            gradient = layer.gradient(parameter)
            assert gradient.dtype == dtype
            assert gradient.shape == getattr(layer, parameter).shape


@each_case
def test_inputs_are_left_alone(case: Case) -> None:
    net, x, dy = prepared(case)
    x_before, dy_before = x.copy(), dy.copy()
    layer = net.layers[0]
    layer.forward(x)
    layer.backward(dy)
    np.testing.assert_array_equal(x, x_before)
    np.testing.assert_array_equal(dy, dy_before)


@each_case
def test_backward_overwrites_and_can_be_repeated(case: Case) -> None:
    net, x, dy = prepared(case)
    net.forward(x)
    layer = net.layers[0]  # by itself: a net takes the gradients away before each `backward`
    first = copy.copy(layer.backward(dy))
    net.gather_gradients()
    gradients = net.gradients.copy()
    np.testing.assert_array_equal(layer.backward(dy), first)
    net.gather_gradients()
    np.testing.assert_array_equal(net.gradients, gradients)


@pytest.mark.parametrize("name", [name for name in LAYERS if name not in NEED_NO_FORWARD])
def test_backward_before_forward_is_refused(name: str) -> None:
    net, _, dy = prepared(name)
    with pytest.raises(
        hg.errors.NotYetComputedError, match=r"(?s)layer 1 of 1.*expected: .*forward"
    ):
        net.backward(dy)


def checked(case: Case, **settings: Any) -> hg.check.GradientReport:
    if isinstance(case, str):
        return hg.check_gradients(LAYERS[case](), **settings)
    _, x, _ = prepared(case)
    return hg.check_gradients(LAYERS[case[0]](), x=x, **settings)


@each_case
@pytest.mark.parametrize("rng", range(3))
def test_gradients_are_right(case: Case, rng: int) -> None:
    report = checked(case, rng=rng)
    assert report.ok, str(report)
    assert report.comparisons


@each_case
def test_gradients_are_right_in_prediction(case: Case) -> None:
    report = checked(case, training=False)
    assert report.ok, str(report)
    assert report.comparisons


@pytest.mark.parametrize("name", MORE_AXES)
def test_each_place_is_worked_on_as_if_it_were_a_row(name: str) -> None:
    net, x, dy = prepared((name, MORE_AXES[name]))
    with net.mode(training=name == "BatchNorm"):  # whose statistics are those of all places
        y, dx = net.forward(x), net.backward(dy)
        gradients = net.gradients.copy()
        each = x.reshape(-1, x.shape[-1]) if dx is not None else x.ravel()
        np.testing.assert_allclose(net.forward(each), y.reshape(-1, y.shape[-1]), rtol=1e-12)
        dx_of_each = net.backward(dy.reshape(-1, dy.shape[-1]))
    if dx is not None:
        np.testing.assert_allclose(dx_of_each, dx.reshape(each.shape), rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(net.gradients, gradients, rtol=1e-10)


@each_case
@each_dtype
@pytest.mark.parametrize("training", [True, False])
def test_the_recording_says_what_the_page_says(case: Case, dtype: Any, training: bool) -> None:
    net, _, _ = prepared(case, dtype)
    graph = hg.trace(net, x=prepared(case)[1], training=training)
    for n in (1, 2, 5, 16):
        if training and n < net.min_batch_size:
            continue
        _, x, dy = prepared(case, dtype, max(n, net.min_batch_size))
        x, dy = x[:n], dy[:n]
        streams = {path: copy.deepcopy(layer.rng) for path, layer in net.walk()}
        found = interpret(graph, {"x": x, "dy": dy}, n, net.state(), streams)
        with net.mode(training=training):
            assert_identical(found.prediction, net.forward(x))
            if not training:
                continue
            if (dx := net.backward(dy)) is None:  # of whole numbers
                assert not found.input_gradients
            else:
                assert_identical(found.input_gradients["x"], dx)
        for path, layer in net.walk():
            for parameter in layer.param_names:
                assert_identical(found.gradients[f"{path}.{parameter}"], layer.gradient(parameter))
        for path, state in net.named_states().items():
            if path in found.new_state:
                new = found.new_state[path]
                np.testing.assert_allclose(new, state, rtol=4 * np.finfo(dtype).eps)


def assert_identical(found: Any, expected: Any) -> None:
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


@each_layer
@pytest.mark.parametrize(
    "duplicate",
    [copy.copy, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_copies_are_equal_and_independent_and_keep_their_views(
    name: str, duplicate: Callable[[hg.Net], hg.Net]
) -> None:
    net, x, _ = prepared(name)
    twin = duplicate(net)
    np.testing.assert_array_equal(twin.forward(x), net.forward(x))
    before = net.state()
    twin.parameters[...] = 7
    twin.running_state[...] = 7
    for path, array in twin.state().items():
        assert (array == 7).all(), path
    for path, array in net.state().items():
        np.testing.assert_array_equal(array, before[path])


@each_layer
def test_assignment_copies_into_the_flat_buffer(name: str) -> None:
    net, _, _ = prepared(name)
    for _, layer in net.walk():
        for parameter in layer.param_names:
            setattr(layer, parameter, np.full_like(getattr(layer, parameter), 3))
    assert (net.parameters == 3).all()


@each_layer
@each_dtype
def test_a_file_brings_the_layer_back_as_it_was(name: str, dtype: Any, tmp_path: Path) -> None:
    net, x, _ = prepared(name, dtype)
    net.parameters[...] += 0.25
    net.running_state[...] += 0.25
    twin = hg.load(hg.save(net, tmp_path / "a.safetensors"))
    for path, array in net.state().items():
        np.testing.assert_array_equal(twin.state()[path], array)
    for mode in (False, True):
        net.seed(0)
        twin.seed(0)
        with net.mode(training=mode), twin.mode(training=mode):
            np.testing.assert_array_equal(twin.forward(x), net.forward(x))
    assert repr(twin.layers[0]) == repr(hg.load(hg.save(twin, tmp_path / "a")).layers[0])


@each_layer
@pytest.mark.parametrize("factor", [2, 300, 10**5, 10**9])
def test_a_file_that_claims_larger_sizes_is_refused_before_they_are_there(
    name: str, factor: int, tmp_path: Path
) -> None:
    path = hg.save(hg.Net(LAYERS[name]()), tmp_path / "a.safetensors")
    content = path.read_bytes()
    for wrong in with_larger_sizes(content, factor):
        path.write_bytes(wrong)
        tracemalloc.start()
        try:
            net = hg.load(path)
        except hg.errors.FileError:
            pass
        else:  # a stride, for example: no array has it as its size
            assert net.parameters.nbytes + net.running_state.nbytes < len(content)
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak < 50e6


@each_layer
def test_a_pickle_leaves_the_last_batch_behind(name: str) -> None:
    net, _, _ = prepared(name)
    size = len(pickle.dumps(net))
    _, x, dy = prepared(name, n=10_000)
    net.forward(x)
    net.backward(dy)
    assert len(pickle.dumps(net)) < size + 1000

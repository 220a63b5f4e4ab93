"""Models as C files of int8: their deviation, and the same bits from every compiler."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import handgrad as hg
from handgrad.engines.portable.requantization import multipliers
from handgrad.exchange.exporting.proof import QuantizationCheck
from handgrad.textbook.layers import Array
from tests.bad_input.refused import refused
from tests.exchange.exporting.deep_nets import DEEP
from tests.graph.one_liners import Page

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no gcc here")
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Wdouble-promotion")
SANITIZERS = ("-O0", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 4)).astype(np.float32)
STEPS = RNG.standard_normal((40, 5, 4)).astype(np.float32)
NETS: dict[str, tuple[hg.Net, Array]] = {
    "softmax": (hg.Net(hg.Linear(4, 8, rng=0), hg.Tanh(), hg.Linear(8, 3, rng=1), hg.Softmax()), X),
    "GELU": (hg.Net(hg.Linear(4, 8, rng=0), hg.GELU(), hg.Linear(8, 1, rng=1)), X),
    "residual": (hg.Net(hg.Residual(hg.Linear(4, 4, rng=0), hg.Sigmoid())), X),
    "scaled": (hg.Net(hg.Standardize.of(X), hg.Linear(4, 5, rng=0), hg.BatchNorm(5), hg.ReLU()), X),
    "attention": (hg.Net(hg.MultiheadAttention(4, 2, rng=0), hg.Linear(4, 2, rng=1)), STEPS),
    "GRU": (hg.Net(hg.GRU(4, 3, rng=0)), STEPS),
    "pictures": (DEEP["pictures"][0](), DEEP["pictures"][1]),
    "a constant of 0": (hg.Net(hg.Linear(4, 3, rng=0), Page(lambda x: x * np.float32(0))), X),
    "what comes in": (hg.Net(Page(lambda x: x[:, ::-1])), X),
}


def quantized(net: object, path: Path, x: Array, y: Array | None = None) -> QuantizationCheck:
    """The check of a model that is written as a quantized file."""
    (check,) = hg.export(net, path, x, y, quantize="int8").checks
    assert isinstance(check, QuantizationCheck)
    return check


def said(path: Path, *flags: str) -> str:
    """What a quantized file says of its rows."""
    program = path.with_suffix(".out")
    command = ["gcc", *STRICT, *flags, "-DHANDGRAD_CHECK", str(path), "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    done = subprocess.run([str(program)], capture_output=True, text=True, check=False)
    assert not done.stderr
    return done.stdout


@needs_gcc
@pytest.mark.parametrize("name", NETS)
def test_the_outputs_are_close_and_the_bits_those_of_other_flags(name: str, tmp_path: Path) -> None:
    net, x = NETS[name]
    check = quantized(net, tmp_path / "net.c", x)
    assert check.rows == len(x)
    assert 0 <= check.mean <= check.largest
    assert check.relative < 0.05
    assert said(tmp_path / "net.c", *SANITIZERS) == f"{min(len(x), 16)} rows, same bits\n"


@needs_gcc
def test_an_estimator_keeps_its_accuracy_and_the_file_tells_it(tmp_path: Path) -> None:
    x, y = hg.data.load("digits")
    net = hg.MLPClassifier(hidden_layer_sizes=(16,), max_iter=15, tol=1, random_state=0)
    model = make_pipeline(StandardScaler(), net).fit(x, y)
    check = quantized(model, tmp_path / "digits.c", x, y)
    assert check.metric == "accuracy"
    assert check.float_score == model.score(x, y)
    assert check.float_score - 0.01 < check.score < 1
    ending = f"accuracy {check.score:.4f}, {check.float_score:.4f} with floats"
    assert str(check).endswith(ending)
    text = (tmp_path / "digits.c").read_text("utf-8")
    assert ending in re.sub(r"\s+", " ", text)
    floats = tmp_path / "floats.c"
    hg.export(model, floats)
    assert "static const HANDGRAD_FLASH float floats_parameters" in floats.read_text("utf-8")


@needs_gcc
def test_a_regressor_has_its_r2(tmp_path: Path) -> None:
    y = 3 * X[:, 0] - X[:, 1]
    model = hg.MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", random_state=0).fit(X, y)
    check = quantized(model, tmp_path / "net.c", X, y)
    assert check.metric == "r2"
    assert check.float_score == pytest.approx(model.score(X, y))
    assert 0.99 < check.score < 1


@needs_gcc
def test_a_sum_is_that_of_integers(tmp_path: Path) -> None:
    net = hg.Net(hg.Linear(2, 1, rng=0))
    net.layers[0].W, net.layers[0].b = [[1.27, -0.5]], [0.1]
    x = np.array([[1.0, 0.0], [0.0, 2.55], [2.0, 1.0]], np.float32)
    path = tmp_path / "net.c"
    check = quantized(net, path, x)
    # x: 2.55 / 255 = 0.01, zero point -128; weights 1.27 / 127 = 0.01: 127, -50; sums in 0.0001
    # y from -1.175 to 2.14: scale 3.315 / 255 = 0.013, zero point -128 + 1.175 / 0.013 = -38
    # 1.37 / 0.013 = 105.4: 105; -1.175 / 0.013 = -90.4: -90; 2.14 / 0.013 = 164.6: 165
    text = path.read_text("utf-8")
    assert re.search(r"net_answers\[\] = \{\n  67, -128, 127,\n\}", text)
    assert re.search(r"net_rows\[\] = \{\n  -28, -128, -128, 127, 72, -28,\n\}", text)
    assert "sum = 10856;" in text  # 1000 of the bias, 128 (127 - 50) of the zero point
    assert check.largest == pytest.approx(1.37 - 105 * 0.013, abs=1e-4)


def test_multipliers_have_31_bits() -> None:
    ratio = np.array([1.0, 0.3, -0.3, 1e-5, 5e-324, 1 - 2.0**-53, 700.0])
    multiplier, shift = multipliers(ratio)
    np.testing.assert_allclose(multiplier / 2.0**shift, ratio, rtol=2**-30, atol=1e-18)
    assert (np.abs(multiplier) < 2**31).all()
    assert ((shift >= 1) & (shift <= 62)).all()


def test_without_a_compiler_that_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    net, x = NETS["softmax"]
    path = tmp_path / "net.c"
    (check,) = hg.export(net, path, x, quantize="int8").checks
    assert str(check) == "a C compiler: not run, there is none here"
    assert "HANDGRAD_CHECK" not in path.read_text("utf-8")


def test_what_cannot_be_quantized_is_refused(tmp_path: Path) -> None:
    net, path = NETS["softmax"][0], tmp_path / "net.c"
    words, codes = DEEP["words"]
    model = hg.MLPRegressor(hidden_layer_sizes=(), solver="lbfgs").fit(X, X[:, 0])
    table = hg.TabularRegressor(epochs=1, n_members=1, random_state=0)
    table.fit({"a": [1.0, 2.0] * 20}, np.arange(40.0))
    with refused(hg.errors.SettingError, "layer 1 of 4, Embedding(7, 4", "whole numbers"):
        hg.export(words(), path, codes, quantize="int8")
    with refused(hg.errors.SettingError, "layer 2 of 2, Page", "operation prod"):
        hg.export(hg.Net(hg.Linear(4, 2), Page(lambda x: x.prod(axis=1))), path, X, quantize="int8")
    with refused(hg.errors.SettingError, "quantize='int8' for 'net.js'"):
        hg.export(net, tmp_path / "net.js", X, quantize="int8")
    with refused(hg.errors.SettingError, "quantize='int4'"):
        hg.export(net, path, X, quantize="int4")  # type: ignore[arg-type]
    with refused(hg.errors.SettingError, "TabularRegressor", "of arrays"):
        hg.export(table, path, quantize="int8")
    with refused(hg.errors.SettingError, "with a loss"):
        hg.export(net, path, X, loss=hg.MSELoss(), quantize="int8")
    with refused(hg.errors.SettingError, "no rows x"):
        hg.export(net, path, quantize="int8")
    with refused(hg.errors.SettingError, "y for the quantization of a net"):
        hg.export(net, path, X, X[:, 0], quantize="int8")
    with refused(hg.errors.DataError, "60 rows x, and y of shape (2,)"):
        hg.export(model, path, X, [1.0, 2.0], quantize="int8")
    with refused(hg.errors.DataError, "with NaN or infinity"):
        hg.export(net, path, np.vstack([X, X, X * np.inf]), quantize="int8")
    with refused(hg.errors.SettingError, "follows from the rows beside it"):
        hg.export(hg.Net(Page(lambda x: x - x.mean(axis=0))), path, X, quantize="int8")
    assert [*tmp_path.iterdir()] == []

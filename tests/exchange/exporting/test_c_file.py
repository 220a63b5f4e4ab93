"""Models as files of C: what a compiler says of them, and rows of tables."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.portable.printing.c import PREFIX, CPrinter
from handgrad.exchange.exporting.portable.c_table import TAKEN, field_names
from tests.exchange.exporting.models import NAMES, OF_TABLES, model
from tests.graph.one_liners import Page

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no gcc here")
STRICT = ("-std=c99", "-O1", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", "-pedantic")


@needs_gcc
@pytest.mark.parametrize("name", NAMES)
def test_the_compiled_file_has_the_bits_of_the_portable_engine(name: str, tmp_path: Path) -> None:
    compiled, portable = hg.export(model(name), tmp_path / "net.c").checks
    assert str(compiled).endswith("64 rows, same bits as the engine portable")
    assert portable.against == "predict"
    assert portable.relative <= portable.most


def test_without_a_compiler_that_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    first, *_ = hg.export(model("net"), tmp_path / "net.c").checks
    assert str(first) == "a C compiler: not run, there is none here"


@needs_gcc
@pytest.mark.parametrize("name", ["net", *OF_TABLES[:2]])
def test_compilers_have_nothing_to_warn_of(name: str, tmp_path: Path) -> None:
    path = tmp_path / "net.c"
    hg.export(model(name), path)
    for flags in (["-DHANDGRAD_CHECK"], ["-c", "-Wdouble-promotion"]):
        command = ["gcc", *STRICT, *flags, str(path), "-o", str(tmp_path / "net.out")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


@needs_gcc
def test_a_changed_weight_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "net.c"
    hg.export(hg.Net(hg.Linear(3, 2, rng=0)), path)
    text = path.read_text("utf-8")
    first = re.search(r"// 0\.W, \(2, 3\)\n  (\S+)f,", text)
    assert first is not None
    path.write_text(text.replace(first[1], str(float(first[1]) * 1.000001), 1), "utf-8")
    program = str(tmp_path / "check")
    subprocess.run(["gcc", *STRICT, "-DHANDGRAD_CHECK", str(path), "-o", program], check=True)
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.match(r"row \d+: \S+, not \S+; was it compiled with", done.stdout)


@needs_gcc
def test_it_trains_where_it_runs(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((50, 2)).astype(np.float32)
    y = (x[:, 0] > x[:, 1]).astype(int)
    net = hg.Net(hg.Linear(2, 8, rng=0), hg.Tanh(), hg.Linear(8, 2, rng=1), hg.Softmax())
    path, loss, adam = tmp_path / "small net.c", hg.CrossEntropyLoss(), hg.Adam(0.01)
    proof = hg.export(net, path, x, y, loss=loss, optimizer=adam, batch_size=16)
    said = ", an epoch: 50 rows, same bits as the weights of the engine portable"
    assert str(proof.checks[-1]).endswith(said)
    rows = ", ".join(map(str, x.ravel().tolist()))
    targets = ", ".join(map(str, y.tolist()))
    (tmp_path / "main.c").write_text(f"""
#include "small net.c"
#include <stdio.h>
static const float x[] = {{{rows}}};
static const int32_t y[] = {{{targets}}};
int main(void) {{
  int32_t order[50];
  for (int i = 0; i < 50; i++) order[i] = i;
  for (int i = 0; i < 20; i++) printf("%.17g\\n", small_net_train_epoch(x, y, order, 50));
  return 0;
}}
""")
    program = str(tmp_path / "main")
    subprocess.run(["gcc", *STRICT, str(tmp_path / "main.c"), "-o", program], check=True)
    said = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    training = hg.train(
        net, (x, y), loss=loss, optimizer=adam, epochs=20, batch_size=16, rng=0, engine="portable"
    )
    assert [float(line) for line in said.split()] == [report.train_loss for report in training]


def test_names_of_fields_are_free_and_each_another() -> None:
    columns = ["a b", "a-b", "a_b", "a_b_2", "int", "int_", "9", "", "été", "class"]
    names = [*field_names(columns).values()]
    assert len({*names}) == len(columns)
    assert all(re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name) for name in names)
    assert not {*names} & TAKEN


def test_comments_keep_what_a_text_says() -> None:
    line = CPrinter(single=True).comment("price = $5  # what????/")
    assert f"{PREFIX}{PREFIX}5" in line
    assert "??" not in line


def test_dollars_among_the_values_of_a_column_stay(tmp_path: Path) -> None:
    x = {"price in $": ["$a", "$b", "$$", "4"] * 8}
    fitted = hg.TabularRegressor(epochs=1, n_members=1, random_state=0)
    hg.export(fitted.fit(x, np.arange(32.0)), tmp_path / "net.c")
    text = (tmp_path / "net.c").read_text("utf-8")
    assert "   Not thread-safe: the variables are shared.\n" in text
    assert "void net_encode(const net_row *row, double *x);" in text
    assert "// 'price in $': 0 '$$', 1 '$a', 2 '$b', 3 '4'" in text


def test_names_end_no_comment(tmp_path: Path) -> None:
    x = {"a*/ int b;": [1.0, 2.0, 3.0, None] * 8, "c\\": ["x??/", "y\n", "z*/", "w"] * 8}
    fitted = hg.TabularRegressor(epochs=1, n_members=1, random_state=0)
    fitted.fit(x, np.arange(32.0))
    hg.export(fitted, tmp_path / "net.c")
    text = (tmp_path / "net.c").read_text("utf-8")
    assert "*/ int b" not in text
    assert "??/" not in text
    if shutil.which("gcc"):
        command = ["gcc", *STRICT, "-c", str(tmp_path / "net.c"), "-o", str(tmp_path / "net.o")]
        subprocess.run(command, check=True)


@needs_gcc
def test_whole_numbers_are_taken_as_the_net_and_its_loss_take_them(tmp_path: Path) -> None:
    net, x = hg.Net(hg.Linear(1, 1, rng=0)), [[0], [1], [2], [3]]
    given: dict[str, Any] = {"loss": hg.MSELoss(), "optimizer": hg.SGD(0.1), "batch_size": 2}
    proof = hg.export(net, tmp_path / "net.c", x, [[1], [3], [5], [7]], **given)
    assert all(check.holds for check in proof.checks)
    text = (tmp_path / "net.c").read_text("utf-8")
    assert "net_train_row(const float *x, const float *y);" in text


def test_a_net_that_answers_for_rows_together_is_refused(tmp_path: Path) -> None:
    net = hg.Net(Page(lambda x: x - x.mean(axis=0)), dtype=np.float64)
    x = np.random.default_rng(0).standard_normal((6, 4))
    with pytest.raises(hg.errors.SettingError, match="follows from the rows beside it"):
        hg.export(net, tmp_path / "net.c", x)
    assert [*tmp_path.iterdir()] == []


def test_weights_that_float32_holds_take_no_more_room(tmp_path: Path) -> None:
    net = hg.Net(hg.Linear(3, 2, rng=0), dtype=np.float64)
    net.parameters[...] += 1 / 3
    for kind in ("double", "float"):
        hg.export(net, tmp_path / "net.c")
        text = (tmp_path / "net.c").read_text("utf-8")
        assert f"static const HANDGRAD_FLASH {kind} net_parameters[8]" in text
        assert f"Memory: {8 * (8 if kind == 'double' else 4)} bytes of constants" in text
        net.parameters[...] = net.parameters.astype(np.float32)


@pytest.mark.slow
@needs_gcc
def test_gcc_has_nothing_to_warn_of_in_batches_of_one(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    layers = hg.Linear(3, 4, rng=0), hg.Conv2d(2, 3, 2, rng=1), hg.Dropout(0.2)
    net = hg.Net(*layers, hg.Linear(3, 4, rng=2), dtype=np.float64)
    x, path = rng.standard_normal((5, 2, 3, 3)), tmp_path / "net.c"
    y = rng.standard_normal((5, 3, 2, 4))
    given: dict[str, Any] = {
        "loss": hg.losses.QuantileLoss(0.3),
        "optimizer": hg.optimizers.Lion(0.01),
    }
    hg.export(net, path, x, y, **given, batch_size=1)
    command = ["gcc", *STRICT, "-O2", "-c", str(path), "-o", str(tmp_path / "net.o")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")

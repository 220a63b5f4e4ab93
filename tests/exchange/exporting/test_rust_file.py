"""Nets as files of Rust: the bits of portable machine code, by rustc."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.portable.printing.rust import rust_module
from handgrad.textbook.errors import FileError, SettingError
from tests.bad_input.refused import refused
from tests.exchange.exporting.models import OF_TABLES, model
from tests.exchange.exporting.portable_nets import case, names, predicted, with_nan

NAMES = {" ".join(name): name for name in names()}
needs_rust = pytest.mark.skipif(shutil.which("rustc") is None, reason="there is no rustc here")


def run(folder: Path, source: str, *flags: str) -> subprocess.CompletedProcess[str]:
    """Compile a file of the folder, then run the program."""
    command = ["rustc", "--edition", "2021", "-O", *flags, source, "-o", "program"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    program = str(folder / "program")
    return subprocess.run([program], cwd=folder, capture_output=True, text=True, check=False)


@needs_rust
@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_rust_predicts_with_the_same_bits(name: str, tmp_path: Path) -> None:
    c = case(*NAMES[name])
    portable = c.model(copies=False, predicted_at_once=1)
    x = np.concatenate([c.x, with_nan(c.x)])
    text = rust_module(portable, ["a net"], x, predicted(portable, x))
    (tmp_path / "net.rs").write_text(text, "utf-8")
    done = run(tmp_path, "net.rs", "--test")
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


@needs_rust
@pytest.mark.parametrize("name", ["net", "my-net 2", "7"])
def test_the_compiled_file_has_the_bits_of_the_portable_engine(name: str, tmp_path: Path) -> None:
    compiled, portable = hg.export(model("net"), tmp_path / f"{name}.rs").checks
    assert re.match(r"rustc \S+ .*: 64 rows, same bits as the engine portable", str(compiled))
    assert portable.against == "predict"
    assert portable.relative <= portable.most


@needs_rust
def test_a_changed_weight_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "net.rs"
    hg.export(hg.Net(hg.Linear(3, 2, rng=0)), path)
    text = path.read_text("utf-8")
    first = re.search(r"// 0\.W, \(2, 3\)\n +([-\d.e]+),", text)
    assert first is not None
    path.write_text(text.replace(first[1], str(float(first[1]) * 1.000001), 1), "utf-8")
    done = run(tmp_path, "net.rs", "--test")
    assert done.returncode == 101
    assert re.search(r"\d, not -?\d", done.stdout)


@needs_rust
def test_threads_of_a_program_predict_at_the_same_time(tmp_path: Path) -> None:
    net = hg.Net(hg.Linear(2, 5, rng=0), hg.Tanh(), hg.Linear(5, 1, rng=1))
    hg.export(net, tmp_path / "net.rs")
    (tmp_path / "main.rs").write_text(
        """
mod net;
fn main() {
    let threads: Vec<_> = (0..8)
        .map(|i| std::thread::spawn(move || net::predict(&[i as f32, 1.0])[0]))
        .collect();
    for thread in threads { println!("{:?}", thread.join().unwrap()); }
}
""",
        "utf-8",
    )
    done = run(tmp_path, "main.rs")
    x = np.stack([np.arange(8), np.ones(8)], 1).astype(np.float32)
    expected = np.asarray(net.predict(x, engine="portable"))[:, 0]
    assert np.array_equal(np.array(done.stdout.split(), np.float32), expected)


@needs_rust
def test_an_index_out_of_range_has_no_prediction(tmp_path: Path) -> None:
    net = hg.Net(hg.Embedding(4, 2, rng=0), hg.Flatten(), hg.Linear(6, 1, rng=1))
    hg.export(net, tmp_path / "net.rs", np.zeros((1, 3), int))
    (tmp_path / "main.rs").write_text(
        """
mod net;
fn main() {
    for i in [-1, 0, 3, 4] { print!("{} ", net::predict(&[0, i, 1]).is_some()); }
}
""",
        "utf-8",
    )
    assert run(tmp_path, "main.rs").stdout == "false true true false "


def test_without_a_compiler_that_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    first, *_ = hg.export(model("net"), tmp_path / "net.rs").checks
    assert str(first) == "a Rust compiler: not run, there is none here"


def test_a_compiler_that_refuses_the_file_is_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = tmp_path / "rustc"
    compiler.write_text(
        '#!/bin/sh\n[ "$1" = --version ] || { echo too old >&2; exit 1; }\necho r 1\n'
    )
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with refused(FileError, "by r 1, the file says too old"):
        hg.export(model("net"), tmp_path / "net.rs")


def test_a_model_of_columns_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    with refused(SettingError, "columns of a table", "net.c, which encodes columns"):
        hg.export(model(OF_TABLES[0]), tmp_path / "net.rs")
    assert not [*tmp_path.iterdir()]

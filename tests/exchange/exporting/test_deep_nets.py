"""Pictures, sequences and attention in files: NumPy, C, JavaScript, WebAssembly, pages."""

import json
import runpy
from pathlib import Path
from shutil import which
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.bad_input.refused import refused
from tests.exchange.exporting.deep_nets import CODES, DEEP, transformer
from tests.exchange.exporting.test_javascript_file import printed

TOOLS = {"c": "cc", "js": "node", "wasm": "node", "html": "node"}


def files(names: dict[str, list[str]]) -> list[Any]:
    """Pairs of an ending and a net, left out where what runs the file is not here."""
    return [
        pytest.param(
            ending, name, marks=pytest.mark.skipif(not which(tool), reason=f"there is no {tool}")
        )
        for ending, tool in TOOLS.items()
        for name in names.get(ending, [])
    ]


SOME = ["pictures", "words with padding", "transformer with padding"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ending", "name"), files({"js": [*DEEP], "c": SOME, "wasm": SOME, "html": SOME[2:]})
)
def test_it_has_the_bits_of_the_portable_engine(ending: str, name: str, tmp_path: Path) -> None:
    make, x = DEEP[name]
    portable, predict = hg.export(make(), tmp_path / f"net.{ending}", x).checks
    assert portable.same_bits
    assert predict.relative <= 1e-5


@pytest.mark.parametrize("name", DEEP)
def test_numpy_has_the_bits_of_the_pages(name: str, tmp_path: Path) -> None:
    make, x = DEEP[name]
    pages, _ = hg.export(make(), tmp_path / "net.py", x).checks
    assert pages.same_bits


@pytest.mark.parametrize(
    ("name", "steps", "words"),
    [
        ("recurrence", 9, r"x of shape \(2, 9, 3\); expected rows of shape \(6, 3\)"),
        ("recurrence", 4, r"x of shape \(2, 4, 3\)"),
        ("words with padding", 9, r"x of shape \(2, 9\); expected rows of 6 numbers"),
    ],
)
def test_longer_and_shorter_sequences_than_were_recorded_are_refused(
    name: str, steps: int, words: str, tmp_path: Path
) -> None:
    make, x = DEEP[name]
    hg.export(make(), tmp_path / "net.py", x)
    other = np.ones((2, steps, *x.shape[2:]), x.dtype)
    with pytest.raises(ValueError, match=words):
        runpy.run_path(str(tmp_path / "net.py"))["predict"](other)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ending", "name"),
    files({"js": ["pictures", "words with padding"], "c": ["pictures"], "wasm": ["transformer"]}),
)
def test_it_trains_as_the_portable_engine_does(ending: str, name: str, tmp_path: Path) -> None:
    make, x = DEEP[name]
    net = make()
    places = net.predict(x).shape
    y = np.random.default_rng(1).integers(0, places[-1], places[:-1])
    loss, optimizer = hg.SoftmaxCrossEntropyLoss(), hg.Adam(0.01)
    path = tmp_path / f"net.{ending}"
    proof = hg.export(net, path, x, y, loss=loss, optimizer=optimizer, batch_size=3)
    assert "an epoch" in proof.checks[-1].ran
    assert proof.checks[-1].same_bits


@pytest.mark.parametrize("ending", ["c", "js", "wasm", "html"])
def test_padding_with_a_target_for_each_place_is_refused(ending: str, tmp_path: Path) -> None:
    path, loss = tmp_path / f"net.{ending}", hg.SoftmaxCrossEntropyLoss()
    with refused(
        hg.errors.SettingError, "an Embedding with padding", "padding= of the Embedding", "hg.train"
    ):
        hg.export(transformer(0), path, CODES, CODES, loss=loss, optimizer=hg.SGD(0.1))
    assert not path.exists()


@pytest.mark.skipif(which("node") is None, reason="there is no node here")
def test_javascript_gives_the_numbers_of_each_place_in_an_array(tmp_path: Path) -> None:
    net = transformer(None)
    hg.export(net, tmp_path / "net.js", CODES)
    call = f"console.log(JSON.stringify(model.predict({json.dumps(CODES.tolist())})));"
    found = np.array(json.loads(printed(tmp_path, call)))
    np.testing.assert_allclose(found, net.predict(CODES), rtol=1e-4, atol=1e-5)

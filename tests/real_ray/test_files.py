"""Files of any kind on a real Ray: each worker reads what was opened once, to the same bits."""

import gzip
from pathlib import Path

import numpy as np
import pytest

import handgrad as hg
from handgrad.cluster import fit
from tests.bad_input.refused import refused
from tests.real_ray.training import bits_of

pytestmark = pytest.mark.cluster


def packed(folder: Path) -> Path:
    """A table in a packed CSV file, in another encoding than UTF-8."""
    x = np.random.default_rng(0).normal(size=(4000, 2)).round(6)
    lines = [f"{a},{b},{'für' if a > b else 'gegen'}" for a, b in x]
    path = folder / "ä.csv.gz"
    path.write_bytes(gzip.compress("\n".join(["a,b,y", *lines]).encode("cp1252")))
    return path


def train(source: str | Path, workers: int) -> str:
    with pytest.warns(UserWarning, match="encoding cp1252"):
        rows = hg.data.open_table(source, memory="1 MB").rows("y")
    net = hg.Net(hg.Linear(2, 8, rng=0), hg.Tanh(), hg.Linear(8, 2, rng=1), hg.Softmax())
    loss, optimizer = hg.CrossEntropyLoss(), hg.Adam(0.01)
    fit(net, rows, workers=workers, loss=loss, optimizer=optimizer, epochs=2, batch_size=64, rng=0)
    return bits_of(net)


@pytest.mark.usefixtures("a_ray")
def test_a_packed_file_at_an_address_is_unpacked_by_each_worker(tmp_path: Path) -> None:
    path = packed(tmp_path)
    assert train(f"file://{path}", 2) == train(path, 0)


@pytest.mark.usefixtures("a_ray")
def test_a_file_that_has_changed_is_refused_by_the_workers(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b,y\n" + "1,2,u\n3,4,v\n" * 4000)
    rows = hg.data.open_table(path, memory="1 MB").rows("y")
    path.write_text("a,b,y\n" + "1,2,u\n3,4,v\n" * 5000)
    net = hg.Net(hg.Linear(2, 2, rng=0), hg.Softmax())
    with refused(
        hg.errors.FileError, f"{path}: ", "when it was opened", "a folder shared by all nodes"
    ):
        fit(net, rows, workers=1, loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1), epochs=1)

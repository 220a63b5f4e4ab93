"""A training on streamed rows keeps within its memory, on a file several times as large."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.tables.data.streams import written

PROGRAM = """
import sys
import numpy as np
import handgrad as hg

def peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))

def run(path):
    rows = hg.data.open_table(path, memory=MEMORY).rows("y")
    net = hg.Net(hg.Linear(20, 4, rng=0), hg.ReLU(), hg.Linear(4, 1, rng=1))
    hg.fit(net, rows, loss=hg.MSELoss(), optimizer=hg.Adam(0.01), epochs=1, batch_size=512,
        validation=0.1, rng=0, engine=sys.argv[3])
    net.predict(np.zeros((1, 20), np.float32), engine="compiled")  # as many rows are predicted
    hg.data.predict_table(net, rows, to=path + ".p.csv")

MEMORY = "24 MB"
run(sys.argv[1])  # libraries are loaded, machine code is made now: that is not counted
before = peak()
run(sys.argv[2])
print(peak() - before)
"""

MEMORY = 24_000_000


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="it asks Linux for the peak of the memory")
@pytest.mark.parametrize("engine", ["eager", "compiled"])
@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_memory_stays_below_what_was_given(engine: str, suffix: str, tmp_path: Path) -> None:
    n = 600_000 if suffix == ".parquet" else 300_000
    x = np.random.default_rng(0).normal(size=(21, 20_000)).astype(np.float32).round(3)
    names = [*(f"f{i}" for i in range(20)), "y"]
    few = pa.table(dict(zip(names, x, strict=True)))
    small = written(few, tmp_path / f"small{suffix}")
    many = pa.concat_tables([few] * (n // 20_000))
    large = written(many, tmp_path / f"large{suffix}", n if engine == "eager" else 100_000)
    assert large.stat().st_size + many.nbytes > 2 * MEMORY  # Parquet writes it in less
    command = [sys.executable, "-c", PROGRAM, str(small), str(large), engine]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < MEMORY

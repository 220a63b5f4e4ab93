"""Trains on a file of 4 GB within 1 GB of memory: `python -m benchmarks.larger_than_memory`.

It writes Parquet files of random numbers, twenty features and a target, trains a net of two hidden
layers for an epoch and predicts all rows, each in a process of its own, and prints the peak of
that process's resident memory and the rows a second. Then, on 400 MB, whether the net is the one
that is trained on the same rows in memory in the same order, to the bit: by machine code, and on a
tenth of them by the pages themselves. `--megabytes 4000` and `--same 400` are the sizes; `--folder`
is where the files are written, and removed afterwards.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

COLUMNS, GROUP = 21, 200_000  # four bytes a number

COMMON = """
import resource
import sys
import time

import handgrad as hg

path, memory = sys.argv[1:3]


def peak():
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return f"peak of resident memory {kilobytes * 1.024e-3:.0f} MB"


def a_net(x):
    net = hg.Net(hg.Standardize.of(x), hg.Linear(20, 64, rng=0), hg.ReLU())
    return net.add(hg.Linear(64, 64, rng=1)).add(hg.ReLU()).add(hg.Linear(64, 1, rng=2))


stream = hg.data.open_table(path, memory=memory)
rows = stream.rows("y")
x, _ = rows.sample(20_000, rng=0)
options = dict(loss=hg.MSELoss(), optimizer=hg.Adam(1e-3), epochs=1, batch_size=256, rng=0)
"""
TRAIN = (
    COMMON
    + """
net = a_net(x)
history = hg.fit(net, rows, validation=0.05, **options)
seconds = history[-1].seconds
print(f"an epoch: {seconds:.0f} s, {history[-1].rows / seconds:,.0f} rows/s, {peak()}")
print(f"  {history}")
hg.save(net, path + ".safetensors")
"""
)
PREDICT = (
    COMMON
    + """
net = hg.load(path + ".safetensors")
began = time.perf_counter()
hg.data.predict_table(net, rows, to=path + ".predictions.parquet")
seconds = time.perf_counter() - began
print(f"predictions: {seconds:.0f} s, {rows.n_rows / seconds:,.0f} rows/s, {peak()}")
"""
)
SAME = (
    COMMON
    + """
nets, epochs = [], []
for data in (rows, rows.in_memory()):
    nets.append(a_net(x))
    began = time.perf_counter()
    (report,) = hg.train(nets[-1], data, shuffle=False, engine=sys.argv[3], **options)
    epochs.append((report.train_loss, time.perf_counter() - began))
same = (nets[0].parameters == nets[1].parameters).all() and epochs[0][0] == epochs[1][0]
seconds = [f"{rows.n_rows / took:,.0f} rows/s" for _, took in epochs]
print(f"{sys.argv[3]}: the same bits: {same}; streamed {seconds[0]}, in memory {seconds[1]}")
"""
)


def main() -> None:
    """Write the files, run the programs on them, and take the files away."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=4000)
    parser.add_argument("--same", type=int, default=400)
    parser.add_argument("--memory", default="1 GB")
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=given.folder))
    try:
        large = _written(folder / "large.parquet", given.megabytes)
        print(
            f"{large.stat().st_size / 1e9:.2f} GB of Parquet, memory={given.memory!r}", flush=True
        )
        for program in (TRAIN, PREDICT):
            _run(program, large, given.memory)
        large.unlink()
        small = _written(folder / "small.parquet", given.same)
        print(f"{small.stat().st_size / 1e9:.2f} GB of Parquet, memory='100 MB'", flush=True)
        _run(SAME, small, "100 MB", "compiled")
        tenth = _written(folder / "tenth.parquet", given.same // 10)
        print(f"{tenth.stat().st_size / 1e9:.2f} GB of Parquet, memory='10 MB'", flush=True)
        _run(SAME, tenth, "10 MB", "eager")
    finally:
        shutil.rmtree(folder)


def _written(path: Path, megabytes: int) -> Path:
    import numpy as np
    import pyarrow as pa
    from pyarrow import parquet

    rng = np.random.default_rng(0)
    slopes = rng.normal(size=COLUMNS - 1).astype(np.float32)
    schema = pa.schema([(name, pa.float32()) for name in _names()])
    left = megabytes * 10**6 // (4 * COLUMNS)
    with parquet.ParquetWriter(path, schema, compression="NONE", use_dictionary=False) as writer:
        while left > 0:
            x = rng.standard_normal((min(GROUP, left), COLUMNS - 1), np.float32)
            y = np.tanh(x @ slopes) + 0.1 * rng.standard_normal(len(x), np.float32)
            arrays = [*x.T.copy(), y.astype(np.float32)]
            writer.write_table(pa.table(arrays, schema), row_group_size=GROUP)
            left -= len(x)
    return path


def _names() -> list[str]:
    return [*(f"f{i}" for i in range(COLUMNS - 1)), "y"]


def _run(program: str, *arguments: object) -> None:
    subprocess.run([sys.executable, "-c", program, *map(str, arguments)], check=True)


if __name__ == "__main__":
    main()

"""`python -m tests.files.fuzz 20000`: mutated model files, read within a second and 100 MB each.

`python -m tests.files.fuzz 6000 1 estimators` begins with files of estimators alone. It runs a
child process whose memory is limited (Linux), and prints what became of the files. The process
ends with an error if a file did anything but load to a valid model or raise `FileError`.
"""

import os
import resource
import signal
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import numpy as np
from safetensors.numpy import load as theirs

import handgrad as hg
from handgrad.files import ModelFile, inspect
from tests.files.models import estimators, outputs
from tests.files.mutations import mutated
from tests.files.nets import NETS, OWN

SECONDS, MEGABYTES = 1.0, 100


def seeds(path: Path, kind: str = "all") -> list[bytes]:
    """The files that mutations begin with: all nets, in both types of numbers; estimators."""
    nets = [make(dtype) for make in NETS.values() for dtype in (np.float32, np.float64)]
    models = {"nets": nets, "estimators": [*estimators().values()]}
    chosen = [*models.values()] if kind == "all" else [models[kind]]
    return [hg.save(model, path).read_bytes() for some in chosen for model in some]


def outcome(path: Path, content: bytes) -> str:
    """What became of the file: 'a net', 'an estimator', or 'refused'."""
    path.write_bytes(content)
    try:
        model = hg.load(path, layers=OWN)
    except hg.errors.FileError as error:
        check_refusal(error, path)
        try:
            inspect(path)
        except hg.errors.FileError as refusal:
            check_refusal(refusal, path)
        return "refused"
    parts = [step for _, step in model.steps] if hasattr(model, "steps") else [model]
    nets = [model] if isinstance(model, hg.Net) else [p.net_ for p in parts if hasattr(p, "net_")]
    for net in nets:
        check_inspected(inspect(path), net, content)
        check_valid(net, content, path)
    if nets == [model]:
        return "a net"
    check_estimators(inspect(path), model, parts)
    check_saved_again(model, content, path)
    return "an estimator"


def check_estimators(found: ModelFile, model: Any, parts: list[Any]) -> None:
    """What the header says is what was made; it says something of rows, or why it does not."""
    assert [one.name for one in found.estimators][-len(parts) :] == [
        type(part).__name__ for part in parts
    ]
    for said, part in zip(found.estimators[-len(parts) :], parts, strict=True):
        assert said.settings.keys() <= part.get_params(deep=False).keys()
        if hasattr(part, "features_"):
            assert said.columns == part.features_.read_as()
        if hasattr(part, "classes_"):
            assert said.classes == part.classes_.tolist()
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", hg.errors.UnseenWarning)  # it may know other categories now
        try:
            found_rows = outputs(model)
        except hg.HandgradError:
            return
    assert len(found_rows) == 3


def check_inspected(found: ModelFile, net: hg.Net, content: bytes) -> None:
    """What the header says is what is made of the file, but for what constructors make."""
    layers = {place: type(layer).__name__ for place, layer in net.walk()}
    assert all(layers[layer.place] == layer.layer for layer in found.layers)
    shapes = {name: array.shape for name, array in theirs(content).items()}
    assert found.other_tensors == {}
    for layer in found.layers:
        for name, tensor in layer.tensors.items():
            place = f"{layer.place}.{name}" if layer.place else name
            assert shapes.pop(place) == tensor.shape
    assert shapes == {}


def check_refusal(error: hg.errors.FileError, path: Path) -> None:
    """The error names the file, has its three parts, and is not as long as the file."""
    assert type(error) is hg.errors.FileError
    assert error.where == str(path)
    for part in (error.came, error.expected, error.hint):
        assert 0 < len(part) < 1000


def check_valid(net: hg.Net, content: bytes, path: Path) -> None:
    """A net has finite numbers, no more than the file; it can be saved, and is then the same."""
    assert isinstance(net, hg.Net)
    numbers = [*net.state().values()]
    assert sum(array.nbytes for array in numbers) <= len(content)
    assert all(np.isfinite(array).all() for array in numbers)
    assert all(np.shares_memory(layer.W, net.parameters) for _, layer in net.walk()
               if "W" in layer.param_names and layer.W.size)  # fmt: skip
    check_saved_again(net, content, path)
    path.write_bytes(content)


def check_saved_again(model: Any, content: bytes, path: Path) -> None:
    """What is saved again has the same numbers, and the second time the same bytes."""
    read, again = theirs(content), hg.save(model, path).read_bytes()
    for tensor, array in theirs(again).items():
        np.testing.assert_array_equal(array, read[tensor])
    assert hg.save(hg.load(path, layers=OWN), path).read_bytes() == again


def in_limited_memory(n: int, seed: int, kind: str) -> int:
    """Read `n` files in this process; the number of those that broke a promise."""
    rng, counts = Random(seed), Counter[str]()
    slowest, largest, broken = 0.0, 0, 0
    with TemporaryDirectory() as name:
        path = Path(name) / "a"
        files = seeds(path, kind)
        for content in files:
            assert outcome(path, content) != "refused"
        signal.signal(signal.SIGPROF, too_long)
        for i in range(n):
            content = mutated(rng.choice(files), rng)
            started = time.process_time()
            try:
                with limits() as grown:
                    found = outcome(path, content)
            except BaseException as error:
                found, broken = f"BROKEN: {type(error).__name__}", broken + 1
                Path(f"broken-{seed}-{i}.safetensors").write_bytes(content)
                print(f"file {i}: {type(error).__name__}: {str(error)[:300]}", flush=True)
            slowest = max(slowest, time.process_time() - started)
            largest = max(largest, grown[0])
            counts[found] += 1
    print(f"{n} files, seed {seed}: {', '.join(f'{v} {k}' for k, v in counts.most_common())}")
    print(f"the slowest took {slowest:.2f} s of CPU, the largest {largest / 2**20:.0f} MB")
    return broken


@contextmanager
def limits() -> Iterator[list[int]]:
    """What is done within may take so much time, and so much memory more than is in use now.

    The list gets one number at the end: by how many bytes memory grew at its peak.
    """
    grown, before = [0], memory("VmRSS")
    unlimited = resource.getrlimit(resource.RLIMIT_AS)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    try:
        most = memory("VmSize") + MEGABYTES * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (most, unlimited[1]))
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        yield grown
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_AS, unlimited)
        grown[0] = max(0, memory("VmHWM") - before)


def memory(kind: str) -> int:
    """Memory of this process in bytes: VmSize as asked for, VmRSS in use, VmHWM at the peak."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{kind}:")[2].split()[0]) * 1024


def too_long(number: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"more than {SECONDS} s")


def main(n: str = "20000", seed: str = "0", kind: str = "all") -> int:
    """Run the child; its exit code, or that of a crash."""
    code = (
        "import sys; from tests.files.fuzz import *; "
        f"sys.exit(in_limited_memory({int(n)}, {int(seed)}, {kind!r}) > 0)"
    )
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "HANDGRAD_CACHE": "off"}
    return subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

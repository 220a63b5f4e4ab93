"""What the last digits depend on is known: no more than that, and no less."""

import re
from pathlib import Path
from typing import Any

import llvmlite
import numpy as np
import pytest

import handgrad as hg
from handgrad.engines import environment
from handgrad.engines.compiled import cache, machine_code
from handgrad.engines.compiled import engine as compiled
from handgrad.engines.loops import partitioning
from tests.training.by_hand import train


def library(folder: str, version: str, kernel: str | None, kind: str = "openblas") -> Any:
    found: dict[str, Any] = {"user_api": "blas", "internal_api": kind, "version": version}
    found |= {"filepath": f"/lib/site-packages/{folder}/libblas.so", "num_threads": 4}
    return found if kernel is None else found | {"architecture": kernel}


NUMPYS, SCIPYS = library("numpy.libs", "3.1", "Haswell"), library("scipy.libs", "3.0", "Zen")
OPENMP = {"user_api": "openmp", "internal_api": "openmp", "filepath": "/numpy.libs/libgomp.so"}
FOUND: dict[str, tuple[list[Any], str, str]] = {
    "wheels": ([NUMPYS, SCIPYS, OPENMP], "openblas 3.1 Haswell", "openblas 3.0 Zen"),
    "NumPy's alone": ([NUMPYS], "openblas 3.1 Haswell", "unknown"),
    "on macOS": ([library("numpy/.dylibs", "3.1", "Neoverse")], "openblas 3.1 Neoverse", "unknown"),
    "shared": ([library("lib", "2025", None, "mkl")], "mkl 2025", "mkl 2025"),
    "none that is known": ([OPENMP], "unknown", "unknown"),
}


@pytest.mark.parametrize("case", FOUND)
def test_each_package_has_the_blas_it_came_with(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    libraries, numpys, scipys = FOUND[case]
    monkeypatch.setattr(environment, "threadpool_info", lambda: libraries)
    assert environment.blas_of("numpy") == numpys
    assert environment.blas_of("scipy") == scipys


def test_threads_are_those_of_each_blas(monkeypatch: pytest.MonkeyPatch) -> None:
    for libraries, told in (([NUMPYS, SCIPYS, OPENMP], "4"), ([], "unknown")):
        monkeypatch.setattr(environment, "threadpool_info", lambda libraries=libraries: libraries)
        assert environment.threads_of_blas() == told
    two = [NUMPYS, SCIPYS | {"num_threads": 2}]
    monkeypatch.setattr(environment, "threadpool_info", lambda: two)
    assert environment.threads_of_blas() == "2 or 4"


@pytest.mark.parametrize("chosen", ["off", "here"])
def test_a_bug_report_tells_the_cache(
    chosen: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = chosen if chosen == "off" else str(tmp_path)
    monkeypatch.setenv("HANDGRAD_CACHE", place)
    cache.put("a key", b"some code")
    hg.check.show_versions()
    (line,) = re.findall(r"^cache +(.+)$", capsys.readouterr().out, re.M)
    assert line == f"{place}, {0 if chosen == 'off' else 1} files"


def test_the_processor_has_its_name_and_what_numpy_uses_of_it() -> None:
    from llvmlite import binding

    name, *used = environment.processor().split()
    assert name == binding.get_host_cpu_name()
    assert used == np.show_config(mode="dicts")["SIMD Extensions"]["found"]


def wide(width: int) -> hg.Net:
    return hg.Net(hg.Linear(2, width, rng=0), hg.Tanh(), hg.Linear(width, 2, rng=0), hg.Softmax())


def environment_of(net: hg.Net, engine: str, **options: Any) -> dict[str, str]:
    found: dict[str, str] = train(net, engine=engine, **options).engine.environment()
    return found


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut loops and products, however small they are."""
    for name, value in {"NUMBERS": 4, "MULTIPLICATIONS": 8, "LINE": 2}.items():
        monkeypatch.setattr(partitioning, name, value)


def test_a_net_compiled_depends_on_no_cores_and_no_blas(in_parts: None) -> None:
    found = environment_of(wide(8), "compiled", batch_size=8)
    assert found == {"llvmlite": llvmlite.__version__}


@pytest.mark.parametrize(("cores", "told"), [(3, "3"), (64, "8 or more")])
def test_products_by_blas_depend_on_which_and_on_the_cores(
    cores: int, told: str, in_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handgrad.engines.compiled.small_gemm.vector_bytes", lambda: 0)
    for module in (machine_code, compiled):
        monkeypatch.setattr(module, "available_cores", lambda: cores)
    found = environment_of(wide(64), "compiled", batch_size=32)
    assert found["cores"] == told
    assert found["BLAS of SciPy"] == environment.blas_of("scipy") != "unknown"


@pytest.mark.parametrize(("width", "threads"), [(8, "1 thread"), (10**6, "5 threads")])
def test_the_eager_engine_depends_on_numpys_blas_and_its_threads(
    width: int, threads: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handgrad.graph.threads._libraries", lambda with_scipys: [FiveThreads()])
    found = environment_of(wide(width), "eager", batch_size=32)
    assert found == {"BLAS of NumPy": f"{environment.blas_of('numpy')}, {threads}"}


class FiveThreads:
    """A library that uses five threads, until it is limited."""

    everywhere, threads = True, 5

    def count(self) -> int:
        return self.threads

    def limit(self, count: int) -> None:
        self.threads = count


def test_a_bug_report_has_versions_processor_kernel_and_settings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(environment, "threadpool_info", lambda: [NUMPYS])
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    hg.check.show_versions()
    lines = capsys.readouterr().out.splitlines()
    told = {line.split("  ")[0]: line.split("  ")[-1].strip() for line in lines}
    assert told["handgrad"] == hg.__version__
    assert told["numpy"] == np.__version__
    assert told["llvmlite"] == llvmlite.__version__
    assert told["processor"] == environment.processor()
    assert told["BLAS of NumPy"] == "openblas 3.1 Haswell"
    assert told["threads of BLAS"] == "4"
    assert "OPENBLAS_CORETYPE=Haswell" in told["environment"]

"""What every party is held to: so many cores, and the processor's widest vectors or AVX2's."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

PROCESSOR = "BENCHMARK_PROCESSOR"  # whose machine code handgrad's processes make, by LLVM's name
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
# Switches of OpenBLAS that a shell may have set: at full width it goes by the processor.
OF_A_SHELL = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "XLA_FLAGS")
AVX2 = {
    PROCESSOR: "haswell",
    "OPENBLAS_CORETYPE": "Haswell",
    "ATEN_CPU_CAPABILITY": "avx2",
    "TORCHINDUCTOR_CPP_MARCH": "haswell",
    "DNNL_MAX_CPU_ISA": "AVX2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}
# Without YNNPACK, which uses whatever the processor has: the products are Eigen's then.
AVX2_OF_XLA = ("--xla_cpu_max_isa=AVX2", "--xla_cpu_experimental_ynn_fusion_type=")
CANNOT_BE_HELD = {"onnxruntime": "nothing holds it to AVX2"}


@dataclass(frozen=True)
class Held:
    """The cores that may be used; if `avx2`, no vectors wider than 256 bits are."""

    cores: int
    avx2: bool = False

    def __str__(self) -> str:
        cores = f"{self.cores} core{'s' * (self.cores > 1)}"
        return f"{cores}, {'held to AVX2' if self.avx2 else 'full width'}"

    def environment(self, threads: int | None = None) -> dict[str, str]:
        """The settings of a process, which keeps no compiled code from earlier ones.

        It has a thread for each core, or `threads`.
        """
        count = threads or self.cores
        found = {name: value for name, value in os.environ.items() if name not in OF_A_SHELL}
        found |= {name: str(count) for name in THREADS}
        found |= {"HANDGRAD_CACHE": "off", "TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1"}
        flags = ["--xla_cpu_multi_thread_eigen=false"] if count == 1 else []
        if self.avx2:
            found |= AVX2 | {"NPY_DISABLE_CPU_FEATURES": " ".join(_wider_loops_of_numpy())}
            flags += AVX2_OF_XLA
        return found | {"XLA_FLAGS": " ".join(flags)}

    @contextmanager
    def pinned(self) -> Iterator[None]:
        """This process and those that it starts stay on so many cores, where the system can."""
        if not hasattr(os, "sched_setaffinity"):
            yield
            return
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, sorted(before)[-self.cores :])
        try:
            yield
        finally:
            os.sched_setaffinity(0, before)


def hold_machine_code() -> None:
    """In a process of handgrad: make machine code for the processor that it is held to."""
    if name := os.environ.get(PROCESSOR):
        from tests.processors import compile_for

        compile_for(name)


def _wider_loops_of_numpy() -> list[str]:
    """NumPy's names for its loops that use more than AVX2."""
    from numpy._core._multiarray_umath import __cpu_dispatch__ as loops  # type: ignore[import-not-found, unused-ignore]

    return [name for name in loops if name.startswith(("AVX512", "X86_V4"))]

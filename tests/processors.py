"""Other processors than this one, of those whose instructions this one has.

`python -m tests.processors` prints the kernels of OpenBLAS that `make kernels` tries.
"""

import llvmlite.binding as binding

from handgrad.engines.compiled import machine_code

BASELINE = {"64bit", "cmov", "cx8", "fxsr", "mmx", "sse", "sse2"}
WITH_AVX = BASELINE | {
    *("sse3", "ssse3", "sse4.1", "sse4.2", "crc32", "cx16", "popcnt", "sahf"),
    *("pclmul", "avx", "xsave", "xsaveopt"),
}
WITH_AVX2 = WITH_AVX | {"avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe"}
# By LLVM's names: without fused multiply-add the first two, without AVX-512 all.
PROCESSORS = {"x86-64": BASELINE, "sandybridge": WITH_AVX, "haswell": WITH_AVX2}
# What kernels of OpenBLAS need: a process that forces one ends where the processor lacks it.
KERNELS = {
    "SkylakeX": {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"},
    "Haswell": {"avx2", "fma"},
    "Nehalem": {"sse4.2"},
}


def widest_kernel() -> str:
    """The kernel of OpenBLAS with the widest vectors that this processor has."""
    here = binding.get_host_cpu_features()
    return next(name for name, needed in KERNELS.items() if all(here.get(f) for f in needed))


def compile_for(name: str) -> None:
    """From now on handgrad's machine code is for that processor; the cache tells them apart."""
    here = binding.get_host_cpu_features()
    if lacking := [feature for feature in PROCESSORS[name] if not here.get(feature)]:
        raise ValueError(f"this processor has no {', '.join(sorted(lacking))}, as {name} has")
    there = binding.FeatureMap(here)
    there.update((feature, False) for feature in here if feature not in PROCESSORS[name])
    machine_code.processor = lambda: name  # type: ignore[assignment]
    binding.get_host_cpu_name = lambda: name
    binding.get_host_cpu_features = lambda: there


if __name__ == "__main__":
    print("Nehalem", widest_kernel())

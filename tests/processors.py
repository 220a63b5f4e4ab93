"""Machine code for another processor than this one, of those whose instructions this one has."""

import llvmlite.binding as binding

BASELINE = {"64bit", "cmov", "cx8", "fxsr", "mmx", "sse", "sse2"}
WITH_AVX = BASELINE | {
    *("sse3", "ssse3", "sse4.1", "sse4.2", "crc32", "cx16", "popcnt", "sahf"),
    *("pclmul", "avx", "xsave", "xsaveopt"),
}
WITH_AVX2 = WITH_AVX | {"avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe"}
# By LLVM's names: without fused multiply-add the first two, without AVX-512 all.
PROCESSORS = {"x86-64": BASELINE, "sandybridge": WITH_AVX, "haswell": WITH_AVX2}


def compile_for(name: str) -> None:
    """From now on handgrad's machine code is for that processor; the cache tells them apart."""
    here = binding.get_host_cpu_features()
    if lacking := [feature for feature in PROCESSORS[name] if not here.get(feature)]:
        raise ValueError(f"this processor has no {', '.join(sorted(lacking))}, as {name} has")
    there = binding.FeatureMap(here)
    there.update((feature, False) for feature in here if feature not in PROCESSORS[name])
    binding.get_host_cpu_name = lambda: name
    binding.get_host_cpu_features = lambda: there

"""`python -m tests.bits.macos`: machine code for both kinds of Mac is linked, not run.

Linking fails where an object file needs a function that macOS does not have.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.bits.digests import digests_of
from tests.bits.emulated import Command, CrossCompiled, compile_for
from tests.bits.settings import EMULATED
from tests.bits.trained import cut_for, cut_small

# What object files may call; macOS 11 has it, and every later version.
SYSTEM = ("_memcpy", "_memmove", "_memset", "_bzero", "___bzero", "___ulock_wait", "___ulock_wake")
LIBRARY = """\
--- !tapi-tbd
tbd-version: 4
targets: [ {arch}-macos ]
install-name: '/usr/lib/libSystem.B.dylib'
exports:
  - targets: [ {arch}-macos ]
    symbols: [ {symbols}, dyld_stub_binder ]
...
"""
PROCESSORS = {
    "arm64": ("apple-m1", ("neon", "fp-armv8", "fullfp16", "lse", "rdm", "crc", "dotprod")),
    "x86_64": ("haswell", ("avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "popcnt")),
}


class LinkedError(Exception):
    """The calls have been linked, and cannot be run here."""


class Mac(CrossCompiled):
    """macOS, by a linker alone."""

    tools = ("lld",)

    def __init__(self, arch: str, symbols: Sequence[str]) -> None:
        self.arch, self.triple = arch, f"{arch}-apple-darwin20"
        self.name, self.features = PROCESSORS[arch]
        self.symbols = symbols

    def command(self, codes: Sequence[bytes]) -> Command:
        """Link each object file with the functions it may call."""
        for code in codes:
            others = self.called_by([code])  # handgrad tells the loader where they are
            known = ", ".join([*self.symbols, *(f"_{symbol}" for symbol in others)])
            folder = Path(tempfile.mkdtemp())
            (folder / "libSystem.tbd").write_text(LIBRARY.format(arch=self.arch, symbols=known))
            words = ["lld", "-flavor", "darwin", "-arch", self.arch, "-dylib", "-o", "out.dylib"]
            words += ["-platform_version", "macos", "11.0", "11.0", "libSystem.tbd"]
            for i, object_code in enumerate([code, *(other for _, other in others.values())]):
                (folder / f"{i}.o").write_bytes(object_code)
                words.append(f"{i}.o")
            done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
            shutil.rmtree(folder)
            if done.returncode:
                raise RuntimeError(f"{self.arch}: {done.stderr[-2000:]}")
        raise LinkedError


def main(arch: str, symbols: Sequence[str] = SYSTEM) -> None:
    """Link the object files of some nets."""
    compile_for(Mac(arch, symbols))
    cut_for(3)
    cut_small()
    linked = 0
    for name in EMULATED:
        try:
            digests_of(name)
        except LinkedError:
            linked += 1
    assert linked == len(EMULATED), f"{arch}: {linked} of {len(EMULATED)} nets"
    print(f"{arch}: {linked} nets linked")


if __name__ == "__main__":
    main(*sys.argv[1:2], *([sys.argv[2:]] if sys.argv[2:] else []))

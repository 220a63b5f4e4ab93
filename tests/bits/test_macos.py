"""Machine code for Macs calls what macOS has, and a linker sees what it has not."""

import subprocess
import sys

import pytest

from tests.bits.macos import PROCESSORS, SYSTEM, Mac

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(Mac("arm64", SYSTEM).lacking()), reason="there is no lld here"),
]


def link(arch: str, *symbols: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "tests.bits.macos", arch, *symbols]
    return subprocess.run(words, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("arch", PROCESSORS)
def test_machine_code_for_a_mac_is_linked(arch: str) -> None:
    done = link(arch)
    assert not done.returncode, done.stderr
    assert "nets linked" in done.stdout


@pytest.mark.parametrize("missing", ["___ulock_wait", "_memcpy"])
def test_what_macos_lacks_is_seen(missing: str) -> None:
    done = link("arm64", *(symbol for symbol in SYSTEM if symbol != missing))
    assert done.returncode
    assert f"undefined symbol: {missing}" in done.stderr

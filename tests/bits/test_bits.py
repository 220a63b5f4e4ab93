"""The bits of nets are compared: that differences are seen, and a few nets; `make bits` has all."""

from pathlib import Path

import numpy as np
import pytest

from tests.bits.__main__ import chosen, differences
from tests.bits.digests import WAYS, digest, digests_of
from tests.bits.estimators import ESTIMATORS
from tests.bits.nets import CASES
from tests.bits.settings import EMULATED, SETTINGS, Setting


def test_a_digest_tells_bits_apart_and_no_number_from_none() -> None:
    x = np.array([1.0, np.nan, -0.0])
    other = x.copy()
    other.view(np.uint64)[1] |= 1  # the payload of a NaN
    assert digest(other) == digest(x) != digest(np.abs(x))
    assert digest(x, x) != digest(x) != digest(x.astype(np.float32))
    assert digest(np.nextafter(x, 9)) != digest(x)


@pytest.mark.slow
def test_another_training_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Other(Setting):
        def digests(self, names: object, cache: Path) -> dict[str, dict[str, str]]:
            return {"penalty L1Penalty float32": digests_of("penalty L2Penalty float32")}

    (line,) = differences(["penalty L1Penalty float32"], [Other("another")], tmp_path)
    assert (
        line
        == "another: penalty L1Penalty float32: parameters, losses, validation losses, predictions"
    )


@pytest.mark.slow
@pytest.mark.parametrize("kernel", sorted({setting.kernel for setting in SETTINGS} - {""}))
def test_this_processor_has_the_kernels_that_are_compared(kernel: str, tmp_path: Path) -> None:
    """OpenBLAS does not ask: a processor without AVX-512 ends a process of its kernel SkylakeX."""
    setting = Setting("this processor", kernel=kernel)
    assert setting.digests(["penalty L1Penalty float32"], tmp_path)


@pytest.mark.slow
def test_a_process_that_ends_says_its_exit_status(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"(?s)this processor: exit status 1\. .*no net"):
        Setting("this processor").digests(["no net"], tmp_path)


def test_the_shares_together_are_all_nets() -> None:
    shares = [set(chosen(f"{k}/3", "*")) for k in (1, 2, 3)]
    assert set.union(*shares) == {*CASES, *ESTIMATORS}
    assert sum(map(len, shares)) == len(CASES) + len(ESTIMATORS)
    assert {*EMULATED} < {*CASES}


@pytest.mark.parametrize("name", ["net T float32", "layer Dropout float64", "loss MSELoss float32"])
def test_however_rows_come_and_whatever_is_beside_it(name: str) -> None:
    expected = digests_of(name)
    for way in WAYS:
        assert digests_of(name, way) == expected, way

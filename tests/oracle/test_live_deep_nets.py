"""Pictures, sequences and attention as source of PyTorch and as files of ONNX, run by those."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import handgrad as hg
from tests.exchange.exporting.deep_nets import DEEP
from tests.oracle.test_live_exports import functions

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("name", DEEP)
def test_pytorch_says_the_same(name: str, tmp_path: Path) -> None:
    make, x = DEEP[name]
    (check,) = hg.export(make(), tmp_path / "net_torch.py", x).checks
    assert check.relative <= 1e-5


@pytest.mark.parametrize("name", ["recurrence", "words with padding"])
def test_pytorch_refuses_longer_sequences_than_were_recorded(name: str) -> None:
    make, x = DEEP[name]
    longer = np.concatenate([x, x], axis=1)
    with pytest.raises(ValueError, match=r"expected rows of"):
        functions(make(), x)["predict"](longer)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", DEEP)
def test_onnxruntime_says_the_same_for_any_number_of_rows(
    name: str, dtype: type, tmp_path: Path
) -> None:
    make, rows = DEEP[name]
    net, x = hg.Net(make(), dtype=dtype), rows.astype(np.int64 if rows.dtype.kind == "i" else dtype)
    for check in hg.export(net, tmp_path / "net.onnx", x).checks:
        assert check.relative <= (1e-5 if dtype is np.float32 else 1e-12)
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    (found,) = session.run(None, {"x": x[:2]})
    np.testing.assert_allclose(found, net.predict(x[:2]), rtol=1e-4, atol=1e-5)

"""The stored results are the ones that PyTorch gives now."""

from pathlib import Path

import numpy as np
import pytest

from tests.oracle import reference
from tests.oracle.store import contents, write
from tests.oracle.stored import NETS, stored

pytestmark = pytest.mark.oracle


def test_the_stored_results_are_up_to_date() -> None:
    now = contents()
    assert set(stored()) == {"torch", *now}, "run `python -m tests.oracle.store`"
    for name, value in now.items():
        assert np.shape(value) == stored()[name].shape, name
        np.testing.assert_allclose(value, stored()[name], rtol=1e-12, atol=1e-12, err_msg=name)


def test_the_file_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    write(tmp_path / "first.json")
    write(tmp_path / "second.json")
    assert (tmp_path / "first.json").read_bytes() == (tmp_path / "second.json").read_bytes()


@pytest.mark.parametrize("name", NETS)
def test_no_stored_net_comes_near_a_kink(name: str) -> None:
    _, _, nearest_kink = reference.trajectory(NETS[name])
    assert nearest_kink > 1e-6

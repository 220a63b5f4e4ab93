"""What every refusal must keep to: the right class, three parts, and nothing changed."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

import handgrad as hg


@contextmanager
def refused(kind: type[hg.HandgradError], *words: str, net: hg.Net | None = None) -> Iterator[None]:
    """What is done within is refused with `kind`; the message has all `words`."""
    before = {} if net is None else net.state()
    with pytest.raises(hg.HandgradError) as caught:
        yield
    error = caught.value
    assert type(error) is kind, str(error)
    assert error.came
    assert error.expected
    assert error.hint
    assert str(error).endswith(f"{error.came}\n  expected: {error.expected}\n  try: {error.hint}")
    for word in words:
        assert word in str(error), str(error)
    if net is not None:
        after = net.state()
        assert after.keys() == before.keys()
        for path, array in after.items():
            np.testing.assert_array_equal(array, before[path])

"""What layers begin with where they are not told: said once, for all that are made after."""

import numpy.typing as npt

from handgrad.base.page import GIVEN
from handgrad.layers.initializers import RandomSource, random_generator
from handgrad.layers.layer import floating


class defaults:  # noqa: N801
    """From now on, layers that are not told otherwise draw from `rng`, and hold `dtype`.

    It holds in the whole process until it is called again; used as `with defaults(…):`, until the
    block ends. Without an argument that one is as it was in the beginning: fresh random numbers,
    float32. A seed makes one Generator, from which layer after layer draws. Files that are loaded
    and estimators keep to what they hold and are told.

    >>> import numpy as np
    >>> import handgrad as hg
    >>> np.random.seed(0)
    >>> with hg.defaults(rng=np.random, dtype=np.float64):
    ...     hg.Linear(2, 1).W.round(4), hg.Net(hg.Linear(2, 2), hg.Softmax()).dtype
    (array([[1.2474, 0.283 ]]), dtype('float64'))
    >>> hg.Linear(2, 1).dtype
    dtype('float32')
    """

    def __init__(
        self, *, rng: int | RandomSource | None = None, dtype: npt.DTypeLike | None = None
    ) -> None:
        said = dict[str, object]()
        if rng is not None:
            said["rng"] = random_generator(rng)
        if dtype is not None:
            said["dtype"] = floating(dtype).type
        self._before = dict(GIVEN)
        GIVEN.clear()
        GIVEN.update(said)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        GIVEN.clear()
        GIVEN.update(self._before)

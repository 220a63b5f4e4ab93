"""What layers begin with, and the language of pictures: said once, for all that comes after."""

import numpy.typing as npt

from handgrad.textbook.errors import SettingError, did_you_mean
from handgrad.textbook.layers.initializers import RandomSource, random_generator
from handgrad.textbook.layers.layer import floating
from handgrad.textbook.module import GIVEN

LANGUAGES = {"en": "English", "zh": "中文"}


class defaults:  # noqa: N801
    """From now on, layers that are not told otherwise draw from `rng`, and hold `dtype`.

    The words in pictures, `hg.plots.plot_…`, are in the `language`, "en" or "zh", if a font for it
    is installed, which then joins Matplotlib's `font.family`; names that are given stay as they
    are.

    It holds in the whole process until it is called again; used as `with defaults(…):`, until the
    block ends. Without an argument that one is as it was in the beginning: fresh random numbers,
    float32, English. A seed makes one Generator, from which layer after layer draws. Files that are
    loaded and estimators keep to what they hold and are told.

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
        self,
        *,
        rng: int | RandomSource | None = None,
        dtype: npt.DTypeLike | None = None,
        language: str = "en",
    ) -> None:
        said = dict[str, object]()
        if rng is not None:
            said["rng"] = random_generator(rng)
        if dtype is not None:
            said["dtype"] = floating(dtype).type
        if language not in LANGUAGES:
            raise SettingError(
                f"language = {language!r}",
                " or ".join(f"{name!r} ({own})" for name, own in LANGUAGES.items()),
                did_you_mean(str(language), LANGUAGES, "language='zh'"),
            )
        if language != "en":
            said["language"] = language
        self._before = dict(GIVEN)
        GIVEN.clear()
        GIVEN.update(said)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        GIVEN.clear()
        GIVEN.update(self._before)

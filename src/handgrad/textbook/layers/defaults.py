"""Defaults of the process: random numbers and dtype of new layers, language of texts."""

import numpy.typing as npt

from handgrad.textbook.errors import checked_language
from handgrad.textbook.language import DEFAULTS
from handgrad.textbook.layers.initializers import RandomSource, random_generator
from handgrad.textbook.layers.layer import floating


class defaults:  # noqa: N801
    """Set the defaults of new layers and of texts, for the process or within a `with` block.

    They hold in the whole process until the next call; as `with defaults(…):`, until the block
    ends. An argument that is left out gets its initial value. Loaded files and estimators keep
    their own settings.

    Parameters
    ----------
    rng : int, Generator, RandomState or numpy.random, optional
        Source of the initial weights; fresh random numbers by default. A seed makes one
        Generator, from which all layers draw in turn.
    dtype : dtype, default float32
        Type of the parameters, float32 or float64.
    language : {"en", "zh"}, optional
        Language of pictures, errors, reports and all other texts; by default that of the
        environment variable `HANDGRAD_LANGUAGE`, else the locale's. In plots a font for it, if
        installed, joins Matplotlib's `font.family`. Names of features and classes are not
        translated.

    Examples
    --------
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
        language: str | None = None,
    ) -> None:
        settings = dict[str, object]()
        if rng is not None:
            settings["rng"] = random_generator(rng)
        if dtype is not None:
            settings["dtype"] = floating(dtype).type
        if language is not None:
            settings["language"] = checked_language(language)
        self._before = dict(DEFAULTS)
        DEFAULTS.clear()
        DEFAULTS.update(settings)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        DEFAULTS.clear()
        DEFAULTS.update(self._before)

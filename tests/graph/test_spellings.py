"""The same layers in many spellings: each records and compiles, or says what to write instead."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.textbook.errors import RecordingError
from handgrad.textbook.net.minibatches import take
from tests.graph.spellings import convolutions, pools, sequences, several

RNG = np.random.default_rng(0)
PICTURES, TOKENS = RNG.standard_normal((8, 3, 6, 6)), RNG.integers(0, 5, (8, 4))
SEQUENCES = RNG.standard_normal((8, 4, 6))
MASK = np.arange(4) < RNG.integers(1, 5, 8)[:, None]
SEVERAL = {
    "PaddedByZeros": (SEQUENCES, MASK.astype(float)),
    "ByIndex": (SEQUENCES, TOKENS),
    "TwoTowers": (SEQUENCES[:, 0], PICTURES[:, 0, 0, :2]),
}
ROWS = {convolutions: PICTURES, pools: PICTURES, sequences: SEQUENCES, several: (SEQUENCES, MASK)}
BASES = {"Convolution", "Recurrence"}
# What is refused, and words of what to write instead.
REFUSED = {
    "AsStrided": r"a, b, d, e = x\.strides.*try: np\.lib\.stride_tricks\.sliding_window_view",
    "PaddedByNewZeros": r"wide\[.*\] = x.*try: np\.zeros_like\(x\)",
    "RowByRow": r"for u in self\.u.*try: work on all rows at once",
    "ByScipy": r"scipy\.signal\.correlate.*plain array",
    "ByFourier": r"np\.fft\.rfft2\(x\).*try: sliding_window_view and einsum",
    "ArgmaxOfWindows": r"np\.take_along_axis.*try: p\[np\.arange\(len\(p\)\), y\]",
    "MeanByKron": r"np\.kron.*try: x\.repeat",
    "SkippedWhereFlat": r"x\.any\(\).*try: np\.where",
    "StopsAtPadding": r"x\[:, t\]\.any\(\).*try: np\.where",
    "OneProductForBoth": r"np\.hstack.*try: np\.concatenate",
    "SplitGates": r"np\.split.*try: slices",
    "TokensByEye": r"np\.eye\(5.*y\[:, None\] == np\.arange\(k\)",
    "RowsOfSequences": r"for row in x.*try: work on all rows at once",
}


def spellings() -> list[Any]:
    return [
        pytest.param(page, SEVERAL.get(name, TOKENS if page.integer_input else rows), id=name)
        for module, rows in ROWS.items()
        for name, page in vars(module).items()
        if isinstance(page, type)
        and issubclass(page, hg.Layer)
        and page.__module__ == module.__name__
        and name not in BASES
    ]


def trained(page: Any, x: Any, engine: Any) -> Any:
    first = page.integer_input or isinstance(x, tuple)
    before = [] if first else [hg.layers.FeatureScale(x.shape[-1])]
    net = hg.Net(*before, page())
    y = np.random.default_rng(1).standard_normal(net.predict(x).shape)
    hg.fit(
        net,
        (x, y),
        loss=hg.MSELoss(),
        optimizer=hg.SGD(0.1),
        epochs=2,
        batch_size=4,
        rng=0,
        engine=engine,
    )
    return net.parameters


def test_forty_spellings_and_more_are_tried() -> None:
    names = [page.id for page in spellings()]
    assert len(names) - len(REFUSED) == 36
    assert {*REFUSED} < {*names}


@pytest.mark.parametrize(("page", "x"), spellings())
def test_it_is_right_and_compiles_or_says_what_to_write(page: Any, x: Any) -> None:
    report = hg.check_gradients(page(), x=take(x, slice(0, 3)), entries=30)
    assert report.ok, str(report)
    if page.__name__ in REFUSED:
        with pytest.raises(RecordingError, match=f"(?s){REFUSED[page.__name__]}"):
            hg.trace(page(), x=x)
        return
    compiled, eager = (trained(page, x, engine) for engine in ("compiled", "eager"))
    np.testing.assert_allclose(compiled, eager, rtol=0, atol=1e-5)

"""Layers that encode the columns of a table."""

import re

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.portable.model import portable_model
from handgrad.files.features import CYCLES, Binary, Category, Code, Date, Features, Number
from handgrad.graph import interpret
from handgrad.textbook.layers import Array
from handgrad.textbook.layers.encoding import MissingFlag, RobustScale, SelectColumns

pytestmark = pytest.mark.filterwarnings("ignore:overflow")

FEATURES = Features(
    {
        "when": Date(Number(9000.0, 1e-3, True), (*CYCLES,)),
        "many": Code(("u", "v"), 2),
        "few": Category(("a", "b", "c"), 3),
        "more": Code(("x", "y", "z"), 3),
        "size": Number(-0.5, 1e150, False),
        "either": Binary(("no", "yes")),
    }
)


def rows() -> Array:
    """Parsed columns with extreme, missing and unknown values."""
    rng = np.random.default_rng(0)
    sizes = {"many": 2, "few": 3, "more": 3, "either": 2}
    columns = {name: rng.integers(-1, sizes.get(name, 2), 40).astype(float) for name in sizes}
    columns["when"] = rng.uniform(-1e5, 1e5, 40)
    columns["size"] = rng.normal(size=40) * 10.0 ** rng.integers(-200, 200, 40)
    for name in ("when", "size"):
        columns[name][rng.random(40) < 0.2] = np.nan
    return np.stack([columns[name] for name in FEATURES.used], axis=1)


def test_numbers_come_first_and_codes_last_in_the_order_of_the_columns() -> None:
    x = FEATURES.encoder.forward(rows())
    assert x.shape == (40, FEATURES.n_out)
    names = FEATURES.names()
    assert names[0] == "size"
    assert names[-2:] == ["many", "more"]
    assert np.array_equal(x[:, -2:], rows()[:, [1, 3]] + [1, 4])
    assert np.array_equal(
        x[:, names.index("either")], np.array([-1, 1, 0])[rows()[:, 5].astype(int)]
    )


def test_a_row_has_the_same_bits_alone_and_among_others() -> None:
    x = FEATURES.encoder.forward(rows())
    alone = [FEATURES.encoder.forward(row[None])[0] for row in rows()]
    assert np.array_equal(alone, x)


def test_the_recorded_encoder_has_the_bits_of_its_layers() -> None:
    graph = hg.trace(FEATURES.encoder, x=rows(), training=False)
    found = interpret(graph, {"x": rows()}, len(rows()), {}).prediction
    assert np.array_equal(np.asarray(found), FEATURES.encoder.forward(rows()))


def test_a_limit_stands_in_printed_programs_as_in_the_layer() -> None:
    text = portable_model(FEATURES.encoder, x=rows()).prediction.source()
    assert re.search(r"/ 3\.0$", text, re.MULTILINE)
    assert "1e+150" in text


@pytest.mark.parametrize("layer", [SelectColumns(1, [0]), RobustScale([0], [1]), MissingFlag()])
def test_an_encoding_has_no_gradient(layer: hg.Layer) -> None:
    with pytest.raises(NotImplementedError, match="has no backward"):
        layer.backward(layer.forward(np.ones((2, 1))))

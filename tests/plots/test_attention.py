"""`plot_attention`: a picture is the shares of a head, its places named, what is barred grey."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import handgrad as hg
from handgrad.plots.attention import MASKED
from tests.bad_input.refused import refused
from tests.plots.pictures import pixel

CODES = np.array([[2, 0, 1, 2]])


def net(*, causal: bool = False, padding: int | None = None) -> hg.Net:
    return hg.Net(
        hg.Embedding(3, 4, padding=padding, rng=0),
        hg.Residual(hg.LayerNorm(4), hg.MultiheadAttention(4, 2, causal=causal, rng=1)),
        hg.MultiheadAttention(4, 1, rng=2),
    )


def values(axes: Any) -> Any:
    return np.asarray(axes.images[0].get_array().filled(np.nan))


def test_a_picture_is_the_shares_of_one_head() -> None:
    looks = net()
    looks.forward(CODES)
    first, second = looks.layers[1].layers[1], looks.layers[2]
    panels = hg.plots.plot_attention(looks, CODES)
    titles = ["attention 1, head 1", "attention 1, head 2", "attention 2, head 1"]
    assert [panel.get_title() for panel in panels] == titles
    for panel, p in zip(panels, (*first.p[0], *second.p[0]), strict=True):
        np.testing.assert_allclose(values(panel), p, rtol=1e-6)
        assert panel.images[0].get_clim() == (0, max(first.p.max(), second.p.max()))
    assert (panels[0].get_xlabel(), panels[0].get_ylabel()) == ("key position", "query position")


@pytest.mark.slow
def test_of_a_causal_layer_what_is_barred_is_grey() -> None:
    looks = net(causal=True)
    looks.forward(CODES)
    panels = hg.plots.plot_attention(looks, CODES)
    p = looks.layers[1].layers[1].p[0, 0]
    expected = np.where(np.tri(4, dtype=bool), p, np.nan)
    np.testing.assert_allclose(values(panels[0]), expected, rtol=1e-6)
    np.testing.assert_allclose(pixel(panels[0], 4, 1), to_rgb(MASKED), atol=0.01)
    np.testing.assert_allclose(pixel(panels[0], 1, 1), panels[0].images[0].cmap(1.0)[:3], atol=0.01)
    assert not np.isnan(values(panels[2])).any()


def test_places_of_padding_have_no_share() -> None:
    p = values(hg.plots.plot_attention(net(padding=1), CODES)[0])
    np.testing.assert_array_equal(p[:, 2], 0)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)


def test_labels_name_the_places_and_spaces_are_seen() -> None:
    axes = hg.plots.plot_attention(net(), CODES, labels="a $\n")[0]
    for names in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [name.get_text() for name in names] == ["a", "␣", "$", "↵"]
    assert [*axes.get_xticks()] == [1, 2, 3, 4]
    words = hg.plots.plot_attention(net(), CODES, labels=["to", "be", "or", "notwithstanding"])[0]
    assert words.get_xticklabels()[0].get_rotation() == 90
    assert len(words.get_xticklabels()[3].get_text()) == 12
    words.figure.draw_without_rendering()


READABLE = 8  # points


def labels_of(axes: Any) -> list[list[Any]]:
    """Labels of both axes as they are drawn: each readable, none upon the next one."""
    axes.figure.draw_without_rendering()
    both = [axes.get_xticklabels(), axes.get_yticklabels()]
    for labels, side in zip(both, ("x", "y"), strict=True):
        boxes = sorted(
            (getattr(b, f"{side}0"), getattr(b, f"{side}1")) for b in map(extent, labels)
        )
        assert all(end <= begin + 0.5 for (_, end), (begin, _) in pairwise(boxes))
        assert min(label.get_fontsize() for label in labels) >= READABLE
    return both


def extent(label: Any) -> Any:
    return label.get_window_extent()


@pytest.mark.parametrize("n_heads", [1, 4])
@pytest.mark.parametrize(("n", "every"), [(12, 1), (32, 1), (100, 3)])
def test_characters_are_readable_however_many(n: int, every: int, n_heads: int) -> None:
    looks = hg.Net(hg.Embedding(3, 4, rng=0), hg.MultiheadAttention(4, n_heads, rng=1))
    text = ("magnanimity WWW " * 9)[:n]
    panels = hg.plots.plot_attention(looks, [[i % 3 for i in range(n)]], labels=text)
    assert panels[0].figure.get_size_inches()[0] <= 11
    for labels in labels_of(panels[-1]):
        expected = [c.replace(" ", "␣") for c in text[::every]]
        assert [label.get_text() for label in labels] == expected


def test_words_in_small_axes_are_readable() -> None:
    looks = hg.Net(hg.Embedding(3, 4, rng=0), hg.MultiheadAttention(4, 1, rng=1))
    axes = Figure(figsize=(3, 2), layout="constrained").subplots()
    words = [f"word {i}" for i in range(24)]
    hg.plots.plot_attention(looks, [[i % 3 for i in range(24)]], labels=words, axes=[axes])
    across, down = labels_of(axes)
    assert 2 <= len(down) <= len(across) < 24


def test_of_many_heads_the_first_are_drawn() -> None:
    wide = hg.Net(hg.Embedding(3, 20, rng=0), hg.MultiheadAttention(20, 20, rng=1))
    panels = hg.plots.plot_attention(wide, CODES)
    assert panels[-1].get_title() == "attention 1, head 16"


def test_the_net_keeps_what_it_had() -> None:
    looks = net()
    looks.forward(CODES[:, :2])
    before = looks.layers[2].p
    hg.plots.plot_attention(looks, CODES)
    assert looks.layers[2].p is before
    assert looks.training


def test_what_cannot_be_drawn_is_refused() -> None:
    looks = net()
    with refused(hg.errors.SettingError, "has no attention", "MultiheadAttention"):
        hg.plots.plot_attention(hg.Net(hg.Embedding(3, 4)), CODES)
    with refused(hg.errors.SettingError, "3 labels", "4, one for each position"):
        hg.plots.plot_attention(looks, CODES, labels="abc")
    with refused(hg.errors.ShapeError, "x of shape (4,)", "x[None]"):
        hg.plots.plot_attention(looks, CODES[0])
    with refused(hg.errors.ShapeError, "x of shape (2, 4)", "x[:1]"):
        hg.plots.plot_attention(looks, np.vstack([CODES, CODES]))
    with refused(hg.errors.SettingError, "2 axes", "3 axes"):
        hg.plots.plot_attention(looks, CODES, axes=hg.plots.plot_attention(looks, CODES)[:2])

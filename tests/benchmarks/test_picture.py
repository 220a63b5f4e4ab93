"""The picture's words have room: none is cut off, no title runs into the next panel."""

from itertools import chain, combinations
from typing import Any

from benchmarks.cases import CASES
from benchmarks.part import Comparison
from benchmarks.picture import figure_of


def panels() -> Any:
    """The figure, and for each panel where its words stand."""
    figure = figure_of(
        [
            Comparison(f"{case}, SGD", peer, ratio)
            for case in CASES.values()
            if len(case.widths) < 6
            for peer, ratio in (("handgrad eager", 412.3), ("torch.compile", 0.034))
        ]
    )
    figure.draw_without_rendering()
    shown = [ax for ax in figure.axes if ax.get_visible()]
    words = [[text for text in ax.findobj(_is_text) if text.get_text()] for ax in shown]
    return figure, [[text.get_window_extent() for text in texts] for texts in words]


def _is_text(artist: Any) -> bool:
    return hasattr(artist, "get_text") and artist.get_visible()


def test_all_words_are_inside_the_picture() -> None:
    figure, boxes = panels()
    width, height = figure.bbox.width, figure.bbox.height
    for box in chain.from_iterable(boxes):
        assert box.x0 >= 0
        assert box.x1 <= width
        assert box.y0 >= 0
        assert box.y1 <= height


def test_no_panel_writes_over_another() -> None:
    _, boxes = panels()
    for one, other in combinations(boxes, 2):
        assert not any(a.overlaps(b) for a in one for b in other)


def test_what_has_one_peer_alone_is_left_to_the_table() -> None:
    pairs = [("a: of two", "JAX"), ("a: of two", "PyTorch"), ("b: of one", "PyTorch")]
    figure = figure_of([Comparison(what, peer, 2.0) for what, peer in pairs])
    assert [ax.get_title(loc="left") for ax in figure.axes if ax.get_visible()] == ["a"]

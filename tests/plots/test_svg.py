"""A picture of Matplotlib's becomes a part of the page that meets no other."""

import re

from matplotlib.figure import Figure

from handgrad.plots.svg import inline

NAME = 'id="p1" url(#x) <b> 中文 😀'


def drawn() -> Figure:
    figure = Figure(figsize=(3, 2))
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], "o-", color="#0072b2", clip_on=True)
    axes.set_title(NAME)
    axes.set_xlabel("bold", fontweight="bold")
    axes.imshow([[0, 1], [1, 0]])
    return figure


FIGURE = drawn()
FOUND = inline(FIGURE, "one", 'said "so" <b>', {"#0072b2": "var(--first)"})


def test_names_are_its_own_and_lead_somewhere() -> None:
    other = inline(FIGURE, "two", "", {})
    names = [*re.findall(r'[ <]id="([^"]+)"', FOUND), *re.findall(r'[ <]id="([^"]+)"', other)]
    assert len(names) == len(set(names)) > 2
    assert all(name.startswith(("one-", "two-")) for name in names)
    referred = {*re.findall(r'href="#([^"]+)"', FOUND), *re.findall(r"url\(#(one[^)]+)\)", FOUND)}
    assert referred == {name for name in names if name.startswith("one-")}


def test_words_stay_words() -> None:
    assert 'id="p1" url(#x) &lt;b&gt; 中文 😀</text>' in FOUND
    assert "DejaVu" not in FOUND
    (bold,) = re.findall(r'style="([^"]+)"[^>]*>bold<', FOUND)
    assert re.search(r"font-weight: (700|bold)", bold)
    assert "font-size: 10px" in bold


def test_colours_are_the_pages() -> None:
    assert "#0072b2" in inline(FIGURE, "two", "", {})
    assert "#0072b2" not in FOUND
    assert "stroke: var(--first)" in FOUND


def test_it_is_an_image_with_a_text_in_its_place() -> None:
    assert FOUND.startswith('<svg viewBox="0 0 216 144" width="288" height="192" role="img"')
    assert 'aria-label="said &quot;so&quot; &lt;b&gt;"' in FOUND
    for gone in ("xmlns", "<style", "<metadata", "<?xml", "<!DOCTYPE", "<!--"):
        assert gone not in FOUND
    assert "data:image/png;base64," in FOUND


def test_what_no_xml_may_hold_is_shown_as_an_escape() -> None:
    figure = Figure(figsize=(3, 2))
    figure.add_subplot().set_xlabel("a\x00\x07\x1b\ufffe\u202eb")
    found = inline(figure, "one", "the\x08 end", {})
    assert r"a\x00\x07\x1b\ufffe\u202eb</text>" in found
    assert r'aria-label="the\x08 end"' in found

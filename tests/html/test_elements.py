"""Plain text never becomes HTML; what is HTML stays as it is."""

from html.parser import HTMLParser
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from handgrad.html.elements import Html, details, element, html, joined, paragraph, table, visible

STEERING = ["\x00", "\x07", "\x1b", "\r", "\x7f", "\x9b", "\u202e", "\u2066", "\ufffe", "\udc80"]
TEXT = st.one_of(
    st.text(st.sampled_from([*"<>/b&amp;\"' 中", *STEERING]), max_size=20),
    st.text(max_size=40),
)


class Seen(HTMLParser):
    """The tags of a piece of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, Any]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.text += data


@given(TEXT, TEXT)
def test_any_text_comes_out_as_it_went_in(text: str, value: str) -> None:
    seen = Seen(element("b", text, title=value))
    assert seen.tags == [("b", {"title": visible(value)})]
    assert seen.text == visible(text)


@given(TEXT)
def test_tables_and_lists_hold_plain_text(text: str) -> None:
    seen = Seen(table(text, [text, text], [[text, text]]))
    assert [tag for tag, _ in seen.tags] == [
        "div",
        "table",
        "thead",
        "tr",
        "th",
        "th",
        "tbody",
        "tr",
        "th",
        "td",
    ]
    assert seen.tags[0][1]["aria-label"] == visible(text)
    assert seen.tags[-1][1]["data-label"] == visible(text)
    assert [tag for tag, _ in Seen(paragraph(text) + details(text, text)).tags] == [
        "p",
        "details",
        "summary",
    ]


def test_what_cannot_be_seen_and_steers_is_shown_as_an_escape() -> None:
    for character in STEERING:
        shown = visible(f"a{character}b")
        assert shown == f"a{character.encode('unicode_escape').decode()}b" != f"a{character}b"
    for harmless in ("a\nb\tc", "👩‍🚀", "שלום", "نمی‌خواهم", "中文", "\\x07", "$a_b$"):
        assert visible(harmless) == harmless


def test_what_is_html_is_not_escaped_twice() -> None:
    bold = element("b", "a & b")
    assert html(bold) is bold
    assert joined(["<", bold], " < ") == "&lt; &lt; <b>a &amp; b</b>"
    assert isinstance(joined([]), Html)


def test_numbers_stand_right() -> None:
    cells = [
        attributes.get("class")
        for tag, attributes in Seen(table("t", "ab", ["xy"], [1])).tags
        if tag in ("th", "td")
    ]
    assert cells == [None, "number", None, "number"]

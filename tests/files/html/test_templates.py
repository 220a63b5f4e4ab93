"""Plain text never becomes HTML; what is HTML stays as it is."""

from html.parser import HTMLParser
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from handgrad.files.html import environment, visible

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


MACROS = '{% from "files/html/macros.html" import bullets, details, figure, table %}'


def rendered(template: str, **values: Any) -> Seen:
    """A piece of a page, as a browser reads it."""
    return Seen(visible(environment().from_string(MACROS + template).render(values)))


@given(TEXT, TEXT)
def test_any_text_comes_out_as_it_went_in(text: str, value: str) -> None:
    seen = rendered('<b title="{{ value }}">{{ text }}</b>', text=text, value=value)
    assert seen.tags == [("b", {"title": visible(value)})]
    assert seen.text == visible(text)
    joined = rendered('{{ "a < b, " ~ text }}', text=text)
    assert (joined.tags, joined.text) == ([], f"a < b, {visible(text)}")


@given(TEXT)
def test_tables_lists_and_figures_hold_plain_text(text: str) -> None:
    seen = rendered("{{ table(x, [x, x], [[x, x]], [1]) }}", x=text)
    expected = ["div", "table", "thead", "tr", "th", "th", "tbody", "tr", "th", "td"]
    assert [tag for tag, _ in seen.tags] == expected
    assert seen.tags[0][1]["aria-label"] == visible(text)
    assert seen.tags[-1][1] == {"class": "number", "data-label": visible(text)}
    assert [attributes.get("class") for tag, attributes in seen.tags if tag == "th"] == [
        None,
        "number",
        None,
    ]
    seen = rendered(
        "{% call details(x) %}{{ bullets([x]) }}{% endcall %}{{ figure(x, x, x) }}", x=text
    )
    assert [tag for tag, _ in seen.tags] == [
        *("details", "summary", "ul", "li"),
        *("figure", "div", "figcaption", "b"),
    ]
    assert seen.text.count(visible(text)) >= 5 or not text


def test_what_cannot_be_seen_and_steers_is_shown_as_an_escape() -> None:
    for character in STEERING:
        shown = visible(f"a{character}b")
        assert shown == f"a{character.encode('unicode_escape').decode()}b" != f"a{character}b"
    for harmless in ("a\nb\tc", "👩‍🚀", "שלום", "نمی‌خواهم", "中文", "\\x07", "$a_b$"):
        assert visible(harmless) == harmless


def test_what_is_html_is_not_escaped_twice() -> None:
    seen = rendered("{% set bold %}<b>{{ x }}</b>{% endset %}{{ bullets([bold]) }}", x="a & b")
    assert ([tag for tag, _ in seen.tags], seen.text.strip()) == (["ul", "li", "b"], "a & b")

"""Translation of finished pages: the texts of their elements, and those for screen readers."""

import re
from collections.abc import Callable
from html import escape, unescape

TAG = re.compile(r"(<[^>]*>)")
NAME = re.compile(r"</?([a-zA-Z][\w-]*)")
# What stands within a sentence.
INLINE = {"a", "abbr", "b", "code", "em", "i", "span", "strong", "sub", "sup"}
# Code, pictures and styles stay.
KEPT = {"pre", "script", "style", "svg", "textarea"}
SCORES = ("Accuracy", "accuracy", "guessing")  # headings of rows that are no names of the data
HEADING_OF_A_ROW = '<th scope="row"'  # the name of a column, a class or a score
ATTRIBUTE = re.compile(r'\b(alt|aria-label|data-label|title)="([^"]*)"')
SENTENCES = re.compile(r"(?<=[.?!]) (?=[A-Z“<(])")

Translate = Callable[[str], str]


def translate_page(page: str, told: Translate, language: str) -> str:
    """Translate a page: each text between two elements as a whole, else by sentences.

    Parameters
    ----------
    page : str
        The HTML.
    told : callable
        Translates a text; unknown ones stay. Texts have `<b>` and other inline elements in them.
    language : str
        Language of the result, for its `lang`.

    Returns
    -------
    str
        The HTML.
    """
    parts, run, kept, opened = list[str](), list[str](), "", ""

    def finish() -> None:
        text = "".join(run)
        is_name = opened.startswith(HEADING_OF_A_ROW) and " " not in text.strip()
        is_name &= text.strip() not in SCORES
        parts.append(_translated_run(text, told, is_name=is_name))
        run.clear()

    for part in TAG.split(page):
        name = match[1].lower() if (match := NAME.match(part)) else ""
        if kept:
            parts.append(part)
            kept = "" if name == kept and part.startswith("</") else kept
        elif name and name not in INLINE:
            finish()
            opened = part
            parts.append(_translated_tag(part, told))
            kept = name if name in KEPT and not part.startswith("</") else ""
        else:
            run.append(part)
    finish()
    return re.sub(r'(<html [^>]*lang=")[^"]*', rf"\g<1>{language}", "".join(parts), count=1)


def _translated_tag(tag: str, told: Translate) -> str:
    def attribute(match: re.Match[str]) -> str:
        text = _by_sentences(unescape(match[2]), told)
        return f'{match[1]}="{escape(text)}"'

    return ATTRIBUTE.sub(attribute, tag)


def _translated_run(run: str, told: Translate, *, is_name: bool) -> str:
    text = " ".join(run.split())
    if not re.search("[A-Za-z]", TAG.sub("", text)) or is_name:
        return run
    if "<" not in text:
        new = escape(_by_sentences(unescape(text), told), quote=False)
    else:
        new = _by_sentences(text, told)
    if new in (text, escape(unescape(text), quote=False)):
        return run
    before = run[: len(run) - len(run.lstrip())]
    return f"{before}{new}{run[len(run.rstrip()) :]}"


def _by_sentences(text: str, told: Translate) -> str:
    """Translate a text as a whole, else its sentences, else what stands between its tags."""
    sentences = SENTENCES.split(text)
    translated = [_as_a_whole(sentence, told) for sentence in sentences]
    if all(map(str.__ne__, translated, sentences)):
        return "".join(translated)
    if (new := _as_a_whole(text, told)) != text:
        return new
    if len(sentences) > 1:
        return "".join(_by_sentences(sentence, told) for sentence in sentences)
    if "<" in text:
        return _between_tags(text, told)
    head, colon, rest = text.partition(": ")
    if colon and (new := _as_a_list(_as_a_whole(head, told), told)) != head:
        return f"{new}：{_by_sentences(rest, told)}"
    return _as_a_list(text, told)


def _between_tags(text: str, told: Translate) -> str:
    """Translate what stands between tags; a single word in bold is a name, unless more follows."""
    parts = TAG.split(text)
    for i in range(0, len(parts), 2):
        is_name = i > 0 and parts[i - 1] == "<b>" and " " not in parts[i] and "<span" not in text
        parts[i] = parts[i] if is_name else _as_a_whole(parts[i], told)
    return "".join(parts)


def _as_a_whole(text: str, told: Translate) -> str:
    """Translate a text; one that begins with a capital or ends with a point, without them too."""
    end = "。" if text.endswith(".") else ""
    plain = text.removesuffix(".")
    for form, after in ((text, ""), (plain, end), (plain[:1].lower() + plain[1:], end)):
        if (new := told(form)) != form:
            return new + after
    return text


def _as_a_list(text: str, told: Translate) -> str:
    """Translate the parts of a list; single words may be names."""
    end = "。" if text.endswith(".") else ""
    parts = text.removesuffix(".").split(", ")
    new = [told(part) if re.search("[ -]", part) else part for part in parts]
    return text if new == parts else "、".join(new) + end

"""Matplotlib's SVG made part of a page: its colours, its fonts, names that are its own."""

import re
from collections.abc import Mapping
from xml.etree import ElementTree

from markupsafe import Markup

from handgrad.html.templates import visible

PIXELS_PER_POINT = 96 / 72
FAMILY = re.compile(r"font-family: [^;]+;? ?")
FONT = re.compile(r"font: ((?:[\w-]+ )*?)([\d.]+)px [^;]+")
REFERENCE = re.compile(r"url\(#([^)]+)\)|^#(.+)$")


def inline(svg: str, name: str, alt: str, colours: Mapping[str, str]) -> Markup:
    """An SVG file as an element of a page; `alt` tells what it shows to those who cannot see it.

    Its names begin with `name`, so that those of several pictures do not meet; `colours` are
    replaced: `{"#22252a": "var(--ink)"}`.
    """
    root = ElementTree.fromstring(visible(svg))
    _strip(root)
    names = {match for e in root.iter() for match in _referred(e)}
    for e in root.iter():
        _adapt(e, name, names, colours)
    left, top, width, height = (float(n) for n in root.attrib["viewBox"].split())
    root.attrib.clear()
    root.attrib |= {
        "viewBox": f"{left:g} {top:g} {width:g} {height:g}",
        "width": f"{width * PIXELS_PER_POINT:.0f}",
        "height": f"{height * PIXELS_PER_POINT:.0f}",
        "role": "img",
        "aria-label": visible(alt),
    }
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _strip(root: ElementTree.Element) -> None:
    """Take away what a page does not need: namespaces, metadata, rules for all of it, blanks."""
    for e in root.iter():
        e.tag = e.tag.rpartition("}")[2]
        e.attrib = {key.rpartition("}")[2]: value for key, value in e.attrib.items()}
        e.tail = None
        if e.tag not in ("text", "tspan"):
            e.text = None
        for child in [c for c in e if c.tag.endswith(("metadata", "style"))]:
            e.remove(child)


def _referred(e: ElementTree.Element) -> list[str]:
    found = [m for value in e.attrib.values() for m in REFERENCE.finditer(value)]
    return [m[1] or m[2] for m in found]


def _adapt(e: ElementTree.Element, name: str, names: set[str], colours: Mapping[str, str]) -> None:
    for key, value in [*e.attrib.items()]:
        if key == "id" and value not in names:
            del e.attrib[key]
            continue
        if key == "id":
            value = f"{name}-{value}"
        elif e.tag != "image":
            value = REFERENCE.sub(
                lambda m: f"url(#{name}-{m[1]})" if m[1] else f"#{name}-{m[2]}", value
            )
        if key in ("style", "fill", "stroke"):
            value = FAMILY.sub("", FONT.sub(lambda m: _font(m[1], m[2]), value))
            for old, new in colours.items():
                value = value.replace(old, new)
        e.attrib[key] = value


def _font(kind: str, size: str) -> str:
    """The page's own letters, in the size and weight of the picture's."""
    weight = next((f"; font-weight: {w}" for w in kind.split() if w.isdigit() or w == "bold"), "")
    return f"font-size: {size}px{weight}"

"""Matplotlib's SVG for a page: with its colours, fonts and unique ids."""

import io
import re
import warnings
from collections.abc import Mapping
from xml.etree import ElementTree

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure

from handgrad.files.html import visible

PIXELS_PER_POINT = 96 / 72
FAMILY = re.compile(r"font-family: [^;]+;? ?")
FONT = re.compile(r"font: (?:[\w-]+ )*?(?:(bold|\d+) )?([\d.]+)px [^;]+")
REFERENCE = re.compile(r"(url\(#|^#)([^)]+)")


def inline(figure: Figure, name: str, alt: str, colours: Mapping[str, str]) -> Markup:
    """Convert a figure to inline SVG with an `alt` text.

    Its ids start with `name`, so that those of several figures differ; `colours` are replaced:
    `{"#22252a": "var(--ink)"}`.
    """
    file = io.StringIO()
    # texts stay text, in fonts that may be missing here
    with mpl.rc_context({"svg.fonttype": "none"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(file, format="svg", transparent=True, dpi=2 * figure.dpi)
    root = ElementTree.fromstring(visible(file.getvalue()))
    _strip(root)
    values = [value for e in root.iter() for value in e.attrib.values()]
    names = {match[2] for value in values for match in REFERENCE.finditer(value)}
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
    """Remove namespaces, metadata, style rules and whitespace."""
    for e in root.iter():
        e.tag = e.tag.rpartition("}")[2]
        e.attrib = {key.rpartition("}")[2]: value for key, value in e.attrib.items()}
        e.tail = None
        if e.tag not in ("text", "tspan"):
            e.text = None
        for child in [c for c in e if c.tag.endswith(("metadata", "style"))]:
            e.remove(child)


def _adapt(e: ElementTree.Element, name: str, names: set[str], colours: Mapping[str, str]) -> None:
    for key, value in [*e.attrib.items()]:
        if key == "id" and value not in names:
            del e.attrib[key]
            continue
        if key == "id":
            value = f"{name}-{value}"
        elif e.tag != "image":
            value = REFERENCE.sub(rf"\g<1>{name}-\2", value)
        if key in ("style", "fill", "stroke"):
            value = FAMILY.sub("", FONT.sub(_font_size, value))
            for old, new in colours.items():
                value = value.replace(old, new)
        e.attrib[key] = value


def _font_size(font: re.Match[str]) -> str:
    return f"font-size: {font[2]}px" + (f"; font-weight: {font[1]}" if font[1] else "")

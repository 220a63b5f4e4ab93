"""Export of a language model to one HTML page that writes, and shows how it comes to its text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from handgrad.engines.portable.next_token import next_token_model
from handgrad.exchange.exporting.portable.node import ABSENT, node_version, run_in_node
from handgrad.exchange.exporting.portable.programs import AGAINST
from handgrad.exchange.exporting.proof import Check
from handgrad.exchange.exporting.text.inspected_token import InspectedToken
from handgrad.exchange.exporting.text.javascript_text import generating_module
from handgrad.exchange.exporting.text.writer_spec import WriterSpec
from handgrad.files.html import STEERING, hashed, json_in_page, page, page_words, require_templates
from handgrad.files.scripts import inlined
from handgrad.textbook.layers import MultiheadAttention
from handgrad.textbook.net import Residual
from handgrad.textbook.version import __version__

PAGE = "writer"
MODEL = f"{PAGE}/text.js"
BEGINNING = 60  # characters of a sample, the text that the page begins with


def write_html_text(spec: WriterSpec, path: Path) -> Sequence[Check]:
    """Write the page; compare its texts in Node, if installed."""
    require_templates("a page that writes")
    step = InspectedToken(spec.net, spec.context)
    data = page_data(spec, step)
    modules = {MODEL: generating_module(spec, step, next_token_model(step))}
    path.write_text(_page(spec, data, modules), "utf-8", newline="\n")
    node, right, samples = node_version(), spec.check_of_probabilities(), spec.portable_samples
    if not node:
        return [Check("node", AGAINST, not_run=ABSENT), right]
    texts = run_in_node(inlined(f"{PAGE}/proof.js", modules), data)
    return [spec.check_of_texts(node, texts, samples, AGAINST), right]


def page_data(spec: WriterSpec, step: InspectedToken) -> dict[str, object]:
    """Data for the scripts of a page."""
    return {
        "version": __version__,
        "context": spec.context,
        "states": step.n_states,
        "factors": [step.n_before, step.n_blocks],
        "kept": step.n_tokens - 1 + step.n_states + step.n_cached,
        "heads": step.heads,
        "blocks": blocks_of(spec),
        "beginning": spec.portable_samples[0].text[:BEGINNING],
        "samples": [vars(sample) for sample in spec.portable_samples],
        "steering": STEERING.pattern,
        "words": page_words(PAGE),
    }


def blocks_of(spec: WriterSpec) -> list[dict[str, object]]:
    """Residual blocks in order: the kind of each, and its number among those of this kind."""
    blocks, counts = [], Counter[str]()
    for _, part in spec.net.walk():
        if type(part) is Residual:
            attends = any(type(inner) is MultiheadAttention for _, inner in part.walk())
            kind = "attention" if attends else "perceptron"
            counts[kind] += 1
            blocks.append({"kind": kind, "i": counts[kind]})
    return blocks


def _page(spec: WriterSpec, data: dict[str, object], modules: dict[str, str]) -> str:
    from markupsafe import Markup

    return page(
        f"{PAGE}/page.html",
        title=spec.title,
        words=data["words"],
        heads=bool(data["heads"]),
        blocks=bool(data["blocks"]),
        version=__version__,
        data=json_in_page(data),
        script=Markup(inlined(f"{PAGE}/main.js", modules)),
        hashed=hashed,
    )

"""Export to one HTML page that predicts from a form, offline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from handgrad.engines.portable.printing.javascript_module import javascript_module
from handgrad.exchange.exporting.model_spec import ModelSpec
from handgrad.exchange.exporting.portable.node import ABSENT, node_version, run_in_node
from handgrad.exchange.exporting.portable.page_data import (
    MOST,
    PAGE,
    columns_of,
    page_data,
    proof_rows,
)
from handgrad.exchange.exporting.portable.picture_page import inspection_module
from handgrad.exchange.exporting.portable.programs import (
    AGAINST,
    PORTABLE,
    encoder_of,
    encoding_module,
    portable_of,
    portable_rows,
)
from handgrad.exchange.exporting.proof import Check, compared
from handgrad.exchange.exporting.train_spec import TrainSpec
from handgrad.files.cell_patterns import reading
from handgrad.files.html import hashed, json_in_page, page, require_templates
from handgrad.files.scripts import inlined
from handgrad.textbook.layers import Array
from handgrad.textbook.version import __version__


def write_html(spec: ModelSpec, path: Path, train_spec: TrainSpec | None) -> Sequence[Check]:
    """Write the page; run its test rows in Node, if installed."""
    net = javascript_module(
        portable_of(spec, train_spec, predicted_at_once=1, copies=False), packed=True
    )
    answers = spec.net.predict(portable_rows(spec), engine=PORTABLE)
    answers = answers.reshape(len(answers), -1)
    path.write_text(page_of(spec, net, answers, train_spec), "utf-8", newline="\n")
    predicted, most = spec.answers.reshape(answers.shape), MOST[answers.dtype.name]
    node = node_version()
    if not node:
        here = compared(AGAINST, answers, predicted, "predict", most)
        return [Check("node", AGAINST, not_run=ABSENT), here]
    module = inlined(f"{PAGE}/proof.js", _made(spec, net))
    rows = {"columns": columns_of(spec), "rows": proof_rows(spec), "reading": reading()}
    outputs = np.array(run_in_node(module, rows), float).astype(answers.dtype)
    return [
        compared(node, outputs, answers, AGAINST),
        compared(node, outputs, predicted, "predict", most),
    ]


def _made(spec: ModelSpec, net: str) -> dict[str, str]:
    """Generated modules."""
    return {
        f"{PAGE}/net.js": net,
        f"{PAGE}/encoding.js": encoding_module(encoder_of(spec)),
        f"{PAGE}/inspected.js": inspection_module(spec),
    }


def page_of(spec: ModelSpec, net: str, answers: Array, train_spec: TrainSpec | None = None) -> str:
    """Page of a model; `net` is the module of its net, which exports `predict`.

    `answers` (n, n_out) are the outputs of the net for the example rows. With `train_spec`, the
    module also exports `Training`, and its rows are in the page.
    """
    require_templates("a page that predicts")
    from markupsafe import Markup

    data = page_data(spec, answers, train_spec)
    if train_spec is None:
        net += "export const Training = null;\n"
    return page(
        f"{PAGE}/page.html",
        kind=spec.kind,
        title=spec.title,
        target=spec.about.target,
        training=train_spec is not None,
        picture=data["picture"],
        contributions=data["orders"],
        words=data["words"],
        version=__version__,
        read_as=spec.features.read_as().items() if spec.features else (),
        data=json_in_page(data),
        script=Markup(inlined(f"{PAGE}/main.js", _made(spec, net))),
        hashed=hashed,
    )

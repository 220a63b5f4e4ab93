"""Programs of WebAssembly for nets of the page: the portable training, for what is near a library.

A page that has one trains by it, with the bits it had before: `page/engine/wasm_model.js`.
"""

from __future__ import annotations

import base64
import json
from functools import lru_cache
from typing import Any

import numpy as np

from handgrad.engines.portable.model import portable_model
from handgrad.engines.portable.webassembly import webassembly
from handgrad.learn.playground.models import Said, model_of, refuse_large_rows
from handgrad.textbook.errors import CannotLowerError, SettingError
from handgrad.textbook.net import Net

KEPT = 64  # programs
# What a program is made for; weights and the learning rate are handed to it.
MADE_FOR = ("layers", "loss", "optimizer", "penalty", "clip", "batch_size")


def program_of(said: Said, own: Net | None = None, n_in: int | None = None) -> dict[str, Any]:
    """The program of the model that a page means: `{"code": base64, "batch_size": 10}`.

    `said` is as `playground.models.model_of` takes it, with `batch_size`; `n_in` is how many
    numbers a row has, where the layers do not say so. Programs of nets that a page can
    describe are kept. Raises a SettingError for what is no such model, a CannotLowerError for what
    has no loops, and for a net in float64.

    >>> layers = [{"layer": "Linear", "settings": {"n_in": 2, "n_out": 1}}]
    >>> said = {"layers": layers, "loss": "MSELoss", "batch_size": 10,
    ...         "optimizer": {"name": "SGD", "learning_rate": 0.1}}
    >>> program = program_of(said)
    >>> base64.b64decode(program["code"])[:4], program["batch_size"]
    (b'\\x00asm', 10)
    """
    kept = {name: said[name] for name in MADE_FOR if said.get(name) is not None}
    if isinstance(kept.get("optimizer"), dict):
        kept["optimizer"] = {**kept["optimizer"], "learning_rate": 1.0}
    if said.get("own"):
        return _program(kept | {"own": True}, own, n_in)
    return _kept(json.dumps(kept, sort_keys=True), n_in)


@lru_cache(KEPT)
def _kept(said: str, n_in: int | None) -> dict[str, Any]:
    return _program(json.loads(said), None, n_in)


def _program(said: Said, own: Net | None, n_in: int | None) -> dict[str, Any]:
    model = model_of(said, own)
    if model.loss is None or model.optimizer is None:
        raise SettingError("a model without loss or optimizer", "both", "send what the page would")
    if model.net.dtype != np.float32:
        raise CannotLowerError(f"a net in {model.net.dtype}: pages compute in float32")
    size = n_in or model.net.n_in
    if size is not None and own is None:
        refuse_large_rows(model.net, size)
    x = None if size is None else np.zeros((4, size), np.float32)
    made = portable_model(
        model.net,
        loss=model.loss,
        optimizer=model.optimizer,
        penalty=model.penalty,
        x=x,
        batch_size=model.batch_size,
    )
    code = base64.b64encode(webassembly(made)).decode()
    return {"code": code, "batch_size": model.batch_size}

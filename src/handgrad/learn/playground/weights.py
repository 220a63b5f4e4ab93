"""The way back from a page in a notebook: weights that it posts to the window around it."""

from __future__ import annotations

import secrets
from importlib.util import find_spec
from typing import Protocol, cast

from handgrad.files.web import WEB


class WeightsBack(Protocol):
    """Which page is listened to, and its last weights, the bytes of float32."""

    key: str
    weights: bytes


def weights_back() -> WeightsBack | None:
    """A listener in the notebook's window, by anywidget; None where that is not installed.

    It has no output of its own, so that the saved notebook shows the page alone.
    """
    if find_spec("anywidget") is None:
        return None
    import anywidget
    import traitlets

    class Listener(anywidget.AnyWidget):
        _esm = (WEB / "playground/server/listener.mjs").read_text("utf-8")
        key = traitlets.Unicode().tag(sync=True)
        # what comes is a memoryview
        weights = traitlets.Bytes().tag(sync=True, from_json=lambda found, _: bytes(found))

    return cast("WeightsBack", Listener(key=secrets.token_urlsafe(12)))

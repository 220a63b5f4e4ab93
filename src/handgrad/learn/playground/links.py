"""Links of the playground: a state as a fragment of readable keys, and back."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote_to_bytes

from handgrad.learn.playground.state import FIELDS, HINT, VERSION, State, put, state_of, value_at
from handgrad.textbook.errors import SettingError, described, did_you_mean

# A link without its version is one of this playground where it has one of these; those of others
# have none of them.
OWN = {"data", "inputs", "layers", "optimizer", "batch", "data_seed", "loss"}
BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})")
EXPECTED = "a link of handgrad's playground, …#v=1&data=…"


def fragment_of(state: State) -> str:
    """A state as a fragment without its #: what is not as usual.

    >>> fragment_of(state_of({"data": {"kind": "spiral"}, "layers": []}))
    'v=1&data=spiral&layers=none'
    """
    usual = state_of({})
    parts = [f"v={VERSION}"]
    for path, key, kind, _ in FIELDS:
        value = value_at(state, path)
        if value != value_at(usual, path):
            parts.append(f"{key}={quote(kind.write(value), safe=',:/;@=!~*()')}")
    return "&".join(parts)


def state_in(link: str) -> State:
    """The state of a link, or of its fragment alone; a SettingError for what is none.

    >>> state_in("play.html#v=1&data=xor&layers=8:ReLU,2:Tanh")["layers"][0]["units"]
    8
    """
    values = _values(link)
    if "v" not in values and not OWN & values.keys():
        raise SettingError(
            f"a link without its version, {link[:60]!r}",
            EXPECTED,
            "open it in the playground, and share it from there",
        )
    given: dict[str, object] = {"version": _version(values.pop("v", str(VERSION)))}
    for path, key, kind, _ in FIELDS:
        if key not in values:
            continue
        text = values.pop(key)
        value = kind.read(text)
        if not kind.holds(value):
            raise SettingError(f"{key}={text[:80]} in the link", kind.expected, HINT)
        put(given, path, value)
    for key in values:
        known = [known for _, known, *_ in FIELDS]
        raise SettingError(f"{key!r} in the link", EXPECTED, did_you_mean(key, known, HINT))
    return state_of(given)


def _version(text: str) -> object:
    return int(text) if text.isdecimal() and len(text) < 9 else text


def _values(link: str) -> dict[str, str]:
    """The decoded values of a fragment by their keys; the last counts where one comes twice."""
    if not isinstance(link, str):
        raise SettingError(described(link), EXPECTED, "the link as text")
    _, found, fragment = link.partition("#")
    values = {}
    for part in filter(None, (fragment if found else link).split("&")):
        key, _, written = part.partition("=")
        try:
            if BROKEN.search(written):
                raise ValueError(written)
            values[key] = unquote_to_bytes(written).decode("utf-8")
        except ValueError as error:
            raise SettingError(f"{part[:80]!r} in the link", EXPECTED, HINT) from error
    return values

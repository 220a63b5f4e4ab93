"""Model files made wrong in all the ways that come to mind, alone and on top of one another."""

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

Slot = tuple[Any, Any]

LARGEST = 2**20
DEEP = "@deep@"
CODE = "__import__('os').system('echo run > run')"
WEIRD: list[Any] = [
    0, -1, 1, 2, 7, 1000, 2**20, 10**9, 2**31, 2**53, 2**63, 2**64, 10**30, -(10**9), 0.5, -0.0,
    1e308, float("nan"), float("inf"), True, False, None, "", "a", "rng", "Linear", "Net", "Layer",
    "float64", "float16", "F64", "BF16", "I64", "BOOL", "he_normal", "os.system", CODE, "\ud800",
    "\0", "x" * 10_000, DEEP, [], [0], [3, 4], [10**9, 10**9], [0, 10**15], [[]], [-1], {},
    {"array": "mean"}, {"array": "a"}, {"layer": "Tanh", "settings": {}},
    {"own_layer": "Scale", "settings": {"n": 3}}, {"own_layer": "system", "settings": {"n": "ls"}},
    {"layer": "Linear", "settings": {"n_in": 10**5, "n_out": 10**5}},
    {"layer": "Linear", "settings": {"n_in": 10**9, "n_out": 10**9}},
    {"layer": "Linear", "settings": {"n_in": 1, "n_out": 2**20, "rng": 0}},
    {"layer": "Net", "settings": {"layers": []}}, {"tuple": [1, 2]}, {"float": "nan"}, {"dict": []},
    {"dict": [[[], 1]]}, {"array": {"dtype": "U999999999", "values": ["a", "b"]}},
    {"array": {"dtype": "U2000000", "values": ["a", ""]}},
    {"array": {"dtype": "object", "values": [1, "a"]}},
    {"array": {"dtype": "int8", "values": [999]}},
    {"array": {"dtype": "int64", "values": list(range(3))}}, "Pipeline", "TableEncoder", "fit_many",
    {"read_as": "Nothing", "why": ""}, {"read_as": "Category", "values": ["a"], "n_values": 10**18},
    {"read_as": "Number", "center": 0.0, "factor": 1e308, "marks_missing": True, "note": ""},
    {"estimator": "Pipeline", "settings": {"verbose": False}, "steps": []},
    {"estimator": "TableEncoder", "settings": {}, "fitted": {}, "net": None, "frozen": []},
]  # fmt: skip


def split(content: bytes) -> tuple[Any, bytes]:
    """The header as JSON, and the numbers."""
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def joined(header: Any, data: bytes, rng: Random) -> bytes:
    """A file with that header; where DEEP stands, lists within lists."""
    depth = rng.choice([3, 40, 400, 4000, 40_000])
    deep = "[" * depth + "]" * depth
    text = json.dumps(header).replace(f'"{DEEP}"', deep).replace(f'\\"{DEEP}\\"', deep)
    return len(text).to_bytes(8, "little") + text.encode() + data


def mutated(content: bytes, rng: Random) -> bytes:
    """The file after one to three mutations."""
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        if len(content) > LARGEST:
            break
        try:
            content = rng.choice(MUTATIONS)(content, rng)
        except (ValueError, TypeError, AttributeError, IndexError, KeyError, RecursionError):
            content = flip_bytes(content, rng)  # what went before left no header to work on
    return content


def flip_bytes(content: bytes, rng: Random) -> bytes:
    """A few bytes anywhere, or in the header, replaced."""
    found = bytearray(content or b"\0")
    end = rng.choice([len(found), min(len(found), 8), min(len(found), 600)])
    for _ in range(rng.choice([1, 1, 2, 8, 64])):
        found[rng.randrange(end)] = rng.choice([0, 255, rng.randrange(256), *b'"{}[],:0-9e'])
    return bytes(found)


def cut_or_add_bytes(content: bytes, rng: Random) -> bytes:
    """Truncated, extended, or a part left out, doubled or moved."""
    a, b = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    return rng.choice([
        content[:a], content[a:], content[:a] + content[b:], content[:b] + content[a:],
        content + rng.randbytes(rng.choice([1, 8, 4096])), b"", content[: rng.randrange(20)],
    ])  # fmt: skip


def lie_about_the_header(content: bytes, rng: Random) -> bytes:
    """Another length of the header than it has."""
    length = int.from_bytes(content[:8], "little")
    lie = rng.choice([0, 1, length - 1, length + 1, len(content), 2**31, 2**63, 2**64 - 1])
    return min(max(lie, 0), 2**64 - 1).to_bytes(8, "little") + content[8:]


def change_the_header(content: bytes, rng: Random) -> bytes:
    """One value or key of the safetensors header changed: names, types, shapes, offsets."""
    header, data = split(content)
    return joined(changed(header, rng), data, rng)


def change_the_description(content: bytes, rng: Random) -> bytes:
    """One value or key of what is said of the layers changed."""
    header, data = split(content)
    document = json.loads(header["__metadata__"]["handgrad"])
    header["__metadata__"]["handgrad"] = json.dumps(changed(document, rng))
    return joined(header, data, rng)


def scale_all_sizes(content: bytes, rng: Random) -> bytes:
    """All whole numbers in the settings a thousand times as large, so that they fit each other."""
    return with_larger(content, rng.choice([10, 1000, 10**5, 10**9]))


def with_larger_sizes(content: bytes, factor: int) -> Iterator[bytes]:
    """The file with each whole number of the settings multiplied in turn, then with all of them."""
    header, _ = split(content)
    document = json.loads(header["__metadata__"]["handgrad"])
    for place in range(len(_sizes(document))):
        yield with_larger(content, factor, place)
    yield with_larger(content, factor)


def with_larger(content: bytes, factor: int, place: int | None = None) -> bytes:
    """The file with one of the whole numbers of the settings multiplied, or with all of them."""
    header, data = split(content)
    document = json.loads(header["__metadata__"]["handgrad"])
    sizes = _sizes(document)
    for parent, key in sizes if place is None else [sizes[place]]:
        parent[key] *= factor
    header["__metadata__"]["handgrad"] = json.dumps(document)
    return joined(header, data, Random(0))


def _sizes(document: Any) -> list[Slot]:
    return [slot for slot in slots(_model(document)) if type(slot[0][slot[1]]) is int]


def _model(document: Any) -> Any:
    """The net or the estimator in what is said of it."""
    return document["net"] if "net" in document else document["model"]


def nest_deeper(content: bytes, rng: Random) -> bytes:
    """The net within nets within nets, or beside thousands of others."""
    header, data = split(content)
    document = json.loads(header["__metadata__"]["handgrad"])
    inner = json.dumps(document["net"])
    n = min(rng.choice([1, 5, 31, 33, 300, 1100, 20_000]), LARGEST // (len(inner) + 50))
    before, after = '{"layer": "Net", "settings": {"layers": [', "]}}"
    if rng.random() < 0.5:
        net = before * n + inner + after * n
    else:
        one = rng.choice(['{"layer": "Tanh", "settings": {}}', before + after, inner])
        net = before + ", ".join([inner, *[one] * n]) + after
    header["__metadata__"]["handgrad"] = (
        f'{{"format_version": 1, "net": {net}, "frozen": [], "about": {{}}}}'
    )
    return joined(header, data, rng)


def swap_tensors(content: bytes, rng: Random) -> bytes:
    """Two tensors change names, or one goes, or comes twice."""
    header, data = split(content)
    a, b = (rng.choice([name for name in header if name != "__metadata__"]) for _ in range(2))
    how = rng.randrange(3)
    if how == 0:
        header[a], header[b] = header[b], header[a]
    elif how == 1:
        del header[a]
    else:
        text = json.dumps(header)[:-1] + f", {json.dumps(a)}: {json.dumps(header[b])}}}"
        return len(text).to_bytes(8, "little") + text.encode() + data
    return joined(header, data, rng)


def another_type(content: bytes, rng: Random) -> bytes:
    """A tensor of another type, with or without a shape that still fits its bytes."""
    header, data = split(content)
    entry = rng.choice([entry for name, entry in header.items() if name != "__metadata__"])
    entry["dtype"] = rng.choice(["F16", "F32", "F64", "I32", "U8", "BOOL", "BF16", "C64", "f4"])
    if rng.random() < 0.5:
        entry["shape"] = [max(1, (entry["data_offsets"][1] - entry["data_offsets"][0]) // 2)]
    return joined(header, data, rng)


def other_numbers(content: bytes, rng: Random) -> bytes:
    """NaN, infinity, zeros, or noise among the weights."""
    header, data = split(content)
    noise = rng.choice([b"\xff" * 8, b"\0\0\x80\x7f" * 2, b"\0" * 8, rng.randbytes(8)])
    at = rng.randrange(max(1, len(data) - 7)) // 4 * 4
    return joined(header, data[:at] + noise[: len(data) - at] + data[at + 8 :], rng)


def other_metadata(content: bytes, rng: Random) -> bytes:
    """No metadata, or other words in them."""
    header, data = split(content)
    header["__metadata__"] = rng.choice([
        {}, {"format": "pt"}, {"handgrad": ""}, {"handgrad": "{}"}, {"handgrad": CODE},
        header["__metadata__"] | {"format": rng.choice(["pt", "\ud800", "x" * 10_000, 1, None])},
        {"handgrad": '{"format_version": 2, "net": {}}'}, rng.choice(WEIRD),
    ])  # fmt: skip
    if rng.random() < 0.2:
        del header["__metadata__"]
    return joined(header, data, rng)


MUTATIONS: list[Callable[[bytes, Random], bytes]] = [
    flip_bytes, cut_or_add_bytes, lie_about_the_header, change_the_header, change_the_header,
    change_the_description, change_the_description, change_the_description,
    change_the_description, scale_all_sizes, nest_deeper, swap_tensors, another_type,
    other_numbers, other_metadata,
]  # fmt: skip


def changed(tree: Any, rng: Random) -> Any:
    """A JSON value with one place changed."""
    parent, key = rng.choice(list(slots(tree)))
    others = [other[place] for other, place in slots(tree)]
    how = rng.randrange(6)
    if how <= 2:
        parent[key] = rng.choice(WEIRD)
    elif how == 3:
        parent[key] = rng.choice(others)
    elif how == 4:
        del parent[key]
    elif isinstance(parent, dict):
        parent[rng.choice(["", "n_in", "rng", "initializer", "self", "a", key + " "])] = (
            parent.pop(key) if rng.random() < 0.5 else rng.choice(others)
        )
    else:
        parent.insert(key, rng.choice(others))
    return json.loads(json.dumps(tree))


def slots(tree: Any) -> Iterator[Slot]:
    """Every place in a JSON value, as its container and the key in it."""
    for key in range(len(tree)) if isinstance(tree, list) else list(tree):
        yield tree, key
        if isinstance(tree[key], dict | list):
            yield from slots(tree[key])

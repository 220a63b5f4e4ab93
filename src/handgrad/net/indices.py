"""Indices into the layers of a net: `net[0]`, `net[-1]`, `net[:2]`."""

from handgrad.base.errors import SettingError


def bounds_of(where: slice, n: int, in_a_row: bool) -> tuple[int, int]:
    """The first of `n` layers within `where`, and the first after it; refused without a layer."""
    try:
        start, stop, step = where.indices(n)
    except TypeError:
        start = stop = step = 0
    if step != 1 or start >= stop or not in_a_row:
        numbers = ["" if i is None else repr(i) for i in (where.start, where.stop, where.step)]
        raise no_layer_at(":".join(numbers if numbers[2] else numbers[:2]), n, in_a_row)
    return start, stop


def no_layer_at(shown: str, n: int, in_a_row: bool) -> SettingError:
    """The error for an index that is that of no layer, and of no layers one after another."""
    return SettingError(
        f"[{shown}] of {n} layer{'' if n == 1 else 's'}",
        f"a number from 0 to {n - 1}, or from -{n} to -1, for one of them"
        + ("; or a range of some that follow each other, for a net of these" if in_a_row else ""),
        "net[0], net[-1]" + (" or net[:1]" if in_a_row else ""),
    )

"""Loop nests that occur several times, but for where in memory: equal layers make them."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from handgrad.engines.loops.ir import For, Statement, Var, whole
from handgrad.engines.loops.structural_hash import hash_of_nest, with_offsets


@dataclass(frozen=True)
class RepeatedNest:
    """A nest as the first of its kind is, and where it lies in memory here.

    The offsets that are not the same in all of them are variables in it, these their values.
    """

    nest: For
    offsets: tuple[tuple[Var, int], ...]


def repeated_nests(body: Sequence[Statement]) -> dict[int, RepeatedNest]:
    """The nests within the loop over batches that occur more than once, by their `id`."""
    by_form: dict[Hashable, list[tuple[For, list[int]]]] = {}
    for loop in body:
        for nest in loop.body if isinstance(loop, For) else ():
            offsets: list[int] = []
            if isinstance(nest, For) and (form := hash_of_nest(nest, {}, offsets)) is not None:
                by_form.setdefault(form, []).append((nest, offsets))
    found: dict[int, RepeatedNest] = {}
    for alike in by_form.values():
        if len(alike) > 1:
            found |= _as_one(alike)
    return found


def _as_one(alike: Sequence[tuple[For, list[int]]]) -> dict[int, RepeatedNest]:
    columns = [*zip(*(offsets for _, offsets in alike), strict=True)]
    variables: dict[tuple[int, ...], Var] = {}  # one where two are the same: what is in place
    for column in columns:
        if len({*column}) > 1:
            variables.setdefault(column, Var(f"offset{len(variables)}", "int"))
    first, _ = alike[0]
    nest = with_offsets(first, iter([variables.get(c, whole(c[0])) for c in columns]))
    return {
        id(one): RepeatedNest(nest, tuple((v, c[k]) for c, v in variables.items()))
        for k, (one, _) in enumerate(alike)
    }

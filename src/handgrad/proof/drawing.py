"""Numbers to check derivatives at: not 0 and not 1, where a missing term or factor hides."""

import numpy as np

from handgrad.layers import Array, Layer
from handgrad.net.minibatches import Inputs

NAMED = 6  # arrays of parameters, or of state, up to which each has its own range in the report


def draw(layer: Layer, rng: np.random.Generator) -> None:
    """Give the parameters and the running state of `layer` other numbers, not far from their own.

    Each moves by 20 to 70 % of itself and keeps its sign, so that a variance stays one; a 0
    becomes a number between 0.2 and 0.7, of either sign where it is a parameter's.
    """
    for array in layer.named_parameters().values():
        array[...] = _near(array, rng, rng.choice([-1.0, 1.0], array.shape))
    for array in layer.named_states().values():
        array[...] = _near(array, rng, np.ones(array.shape))


def _near(array: Array, rng: np.random.Generator, signs: Array) -> Array:
    change = rng.uniform(0.2, 0.7, array.shape)
    others = np.abs(array[array != 0])
    size = 1.0 if others.size == 0 else float(others.mean())
    moved = array * (1 + rng.choice([-1.0, 1.0], array.shape) * change)
    return np.where(array == 0, size * signs * change, moved)


def parts(name: str, x: Inputs) -> dict[str, Array]:
    """The arrays of an input by name: `x`, or `x[0]`, `x[1]`, … where it has several."""
    return {f"{name}[{i}]": p for i, p in enumerate(x)} if isinstance(x, tuple) else {name: x}


def ranges(x: Inputs, given: bool, layer: Layer, drawn: bool) -> str:
    """Between which numbers a check looked, and whether they were drawn."""
    where = [("given" if given else "drawn", parts("x", x))]
    arrays = layer.named_parameters(), layer.named_states()
    for found, kind in zip(arrays, ("parameters", "running state"), strict=True):
        if len(found) > NAMED:
            found = {f"all {kind}": np.concatenate([array.ravel() for array in found.values()])}
        where.append(("drawn" if drawn else "as they are", found))
    said: dict[str, list[str]] = {}
    for how, named in where:
        spans = (
            f"{name} from {a.min():.3g} to {a.max():.3g}" for name, a in named.items() if a.size
        )
        said.setdefault(how, []).extend(spans)
    return "; ".join(f"{', '.join(spans)}, {how}" for how, spans in said.items() if spans)

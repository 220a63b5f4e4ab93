"""Random nets over all pages, each exported and run by onnxruntime beside its own prediction.

    python -m tests.oracle.onnx_nets --count 500

says the worst difference, by the largest value of that output, for float32 and float64.
"""

import argparse
from collections import Counter
from typing import Any

import numpy as np

import handgrad as hg
from handgrad.exchange.exporting import model_spec_of
from handgrad.exchange.exporting.onnx.file import by_onnxruntime, onnx_model
from handgrad.textbook.layers import Array

# Of the largest value of an output.
MOST: dict[np.dtype[Any], float] = {np.dtype(np.float32): 2e-6, np.dtype(np.float64): 1e-14}
ACTIVATIONS = (
    *(
        hg.Tanh,
        hg.ReLU,
        hg.layers.LeakyReLU,
        hg.Sigmoid,
        hg.layers.SiLU,
        hg.GELU,
        hg.layers.GELUTanh,
        hg.layers.ELU,
    ),
    *(hg.layers.SELU, hg.layers.Softplus, hg.layers.Mish),
)
ROWS = 9
# Of fewer numbers, two nearly alike are set 2 apart, rounding errors of float32 with them: NumPy's
# own predictions are then as far from those in float64.
NORMED = 4


def random_net(seed: int) -> tuple[hg.Net, Array]:
    """A net of one to six pages, its weights and running state random too, and rows for it."""
    rng = np.random.default_rng(seed)
    form = rng.choice(["rows", "rows", "rows", "places", "codes", "codes and numbers", "members"])
    dtype = (np.float32, np.float64)[seed % 2]
    make = {"codes": _of_codes, "codes and numbers": _of_both, "members": _of_members}
    layers, x = make.get(form, _of_numbers)(rng, form == "places")
    net = hg.Net(*layers, dtype=dtype)
    net.parameters[...] += rng.normal(0, 0.3, net.parameters.size)
    for name, values in net.named_states().items():
        if name.rpartition(".")[2] not in ("scale", "running_var"):
            values[...] += rng.normal(0, 0.5, values.shape)
        else:
            values[...] *= rng.uniform(0.5, 2, values.shape)
    return net, x if form == "codes" else x.astype(dtype)


def _of_numbers(rng: Any, more_axes: bool) -> tuple[list[hg.Layer], Array]:
    n_in = int(rng.integers(1, 9))
    x = rng.standard_normal((ROWS, *[3] * more_axes, n_in)) * 3
    return _pages(rng, n_in, int(rng.integers(1, 6))), x


def _of_codes(rng: Any, more_axes: bool) -> tuple[list[hg.Layer], Array]:
    n_values, size = int(rng.integers(2, 9)), int(rng.integers(1, 5))
    x = rng.integers(0, n_values, (ROWS, int(rng.integers(1, 4))))
    return [hg.Embedding(n_values, size, rng=rng), *_pages(rng, size, 3)], x


def _of_both(rng: Any, more_axes: bool) -> tuple[list[hg.Layer], Array]:
    n_values, size, n_codes, n_numbers = (int(rng.integers(1, 5)) for _ in range(4))
    among: dict[str, Any] = {"n_codes": n_codes, "n_numbers": n_numbers}
    first = hg.tables.TabularEmbedding(n_values, size, **among, rng=rng)
    numbers = rng.standard_normal((ROWS, n_numbers))
    x = np.concatenate([numbers, rng.integers(0, n_values, (ROWS, n_codes))], axis=1)
    return [first, *_pages(rng, n_numbers + n_codes * size, 3)], x


def _of_members(rng: Any, more_axes: bool) -> tuple[list[hg.Layer], Array]:
    k, n_values, size, n_codes, n_numbers = (int(rng.integers(1, 5)) for _ in range(5))
    layers: list[hg.Layer] = []
    x, d = rng.standard_normal((ROWS, k, n_numbers)), n_numbers
    if rng.random() < 0.6:
        among: dict[str, Any] = {"n_codes": n_codes, "n_numbers": n_numbers}
        layers.append(hg.tables.EnsembleEmbedding(n_values, size, k, **among, rng=rng))
        x = np.concatenate([x, rng.integers(0, n_values, (ROWS, k, n_codes))], axis=2)
        d += n_codes * size
    if rng.random() < 0.6:
        waves = hg.tables.EnsemblePeriodicEmbedding(d, n_numbers, k, n_waves=3, rng=rng)
        layers.append(waves)
        d += n_numbers * waves.size
    layers.append(hg.layers.FeatureScale((k, d)))
    for _ in range(int(rng.integers(1, 4))):
        n_out = int(rng.integers(1, 9))
        layers += [hg.tables.EnsembleLinear(d, n_out, k, rng=rng), ACTIVATIONS[rng.integers(11)]()]
        d = n_out
    return layers, x


def _pages(rng: Any, n: int, most: int) -> list[hg.Layer]:
    """Some pages for rows of `n` numbers, softmax now and then the last."""
    layers: list[hg.Layer] = []
    for _ in range(int(rng.integers(1, most + 1))):
        n_out = int(rng.integers(1, 9))
        layer = _page(rng, n, n_out)
        n = n if layer.n_out is None else layer.n_out
        layers += [layer, ACTIVATIONS[rng.integers(11)]()]
    return [*layers, hg.Softmax()] if rng.random() < 0.4 else layers


def _page(rng: Any, n: int, n_out: int) -> hg.Layer:
    match rng.integers(0, 11):
        case 0:
            return hg.BatchNorm(n)
        case 1 if n >= NORMED:
            return hg.LayerNorm(n)
        case 2:
            return hg.Dropout(0.3)
        case 3:
            return hg.layers.FeatureScale(n)
        case 4:
            return hg.Standardize(rng.standard_normal(n), rng.uniform(0.5, 2, n))
        case 5:
            return hg.Residual(
                hg.Linear(n, n_out, rng=rng), hg.Tanh(), hg.Linear(n_out, n, rng=rng)
            )
        case 6:
            branches = (
                hg.Linear(n, n_out, rng=rng),
                hg.Net(hg.Linear(n, 2, rng=rng), hg.layers.Mish()),
            )
            return hg.Parallel(*branches, join="concatenate")
        case _:
            return hg.Linear(n, n_out, rng=rng)


def difference(net: hg.Net, x: Array) -> float:
    """The largest one between onnxruntime and the net, by the largest value of the output."""
    spec = model_spec_of(net, x)
    found = by_onnxruntime(onnx_model(spec), {"x": x})["output"]
    p = net.predict(x, engine="eager")
    assert (found.dtype, found.shape) == (p.dtype, p.shape)
    return float(np.abs(found - p).max() / np.abs(p).max(initial=np.finfo(p.dtype).tiny))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=500)
    worst: dict[np.dtype[Any], tuple[float, int]] = dict.fromkeys(MOST, (0.0, -1))
    pages, failed = Counter[str](), list[int]()
    count: int = parser.parse_args().count
    for seed in range(count):
        net, x = random_net(seed)
        far, dtype = difference(net, x), net.parameters.dtype
        worst[dtype] = max(worst[dtype], (far, seed))
        failed += [seed] * (far > MOST[dtype])
        pages.update(type(layer).__name__ for _, layer in net.walk())
    for kind, (far, seed) in worst.items():
        print(f"{kind}: {far:.1e} of the largest value at most, net {seed}")
    print(f"{count} nets of {len(pages)} kinds of pages: {dict(pages.most_common())}")
    raise SystemExit(f"too far off: {failed}" if failed else 0)


if __name__ == "__main__":
    main()

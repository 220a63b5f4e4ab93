"""For every block of formulas in docs/maths: what to run it on, and what the library says."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import handgrad as hg
from handgrad.textbook.layers.random_stream import NormalNumbers
from handgrad.textbook.layers.recurrence import RecurrentLayer
from handgrad.textbook.losses import mean_weights, weighted_mean
from handgrad.textbook.net.minibatches import batches
from handgrad.textbook.optimizers import muon
from tests.docs.formulas import Values
from tests.docs.picture_cases import PICTURE_CASES, Drawn

Rng = np.random.Generator


def nothing(_: Values) -> Values:
    """For formulas that speak of nothing the library computes."""
    return {}


@dataclass(frozen=True)
class Case:
    """`given`: random values for the names that are not assigned, the gradient from above too.

    `library`: from these, what some of the assigned names should be.
    """

    given: Callable[[Rng], Values]
    library: Callable[[Values], Values] = nothing


def of_layer(make: Callable[[Values], hg.Layer], x: str = "x", y: str = "y") -> Any:
    """Output and gradients of a layer."""

    def library(values: Values) -> Values:
        layer = make(values)
        found = {y: layer.forward(values[x]), "d" + x: layer.backward(values["d" + y])}
        return found | {"d" + n: getattr(layer, "d" + n) for n in layer.param_names}

    return library


def of_loss(loss: Any, p: str = "p") -> Any:
    """Value and gradient of a loss."""
    return lambda v: {"l": loss.forward(v[p], v["y"], v["w"]), "d" + p: loss.backward()}


def tweedie_terms(rng: Rng) -> Values:
    """Targets, means, and the terms of their Tweedie deviance of power 1.3."""
    y, m, a = rng.uniform(1, 5, 6), rng.uniform(1, 5, 6), -0.3
    return {"y": y, "m": m, "a": a, "u": m ** (1 + a), "v": y * m**a}


def in_places(given: Callable[[Rng], Values], *names: str) -> Callable[[Rng], Values]:
    """The same, and rows of two places in the arrays of these names: (n, 2, …)."""

    def with_places(rng: Rng) -> Values:
        one, other = given(rng), given(rng)
        return one | {name: np.stack([one[name], other[name]], axis=1) for name in names}

    return with_places


def weighted(given: Callable[[Rng], Values]) -> Callable[[Rng], Values]:
    """The same, and a weight for each row."""

    def with_weights(rng: Rng) -> Values:
        values = given(rng)
        return values | {"w": rng.uniform(0.5, 2, len(values["y" if "y" in values else "l"]))}

    return with_weights


def of_schedule(make: Callable[[Values], Any]) -> Any:
    """The factors of a schedule."""
    return lambda v: {"factor": make(v)(v["progress"])}


def progress_and(**settings: float) -> Callable[[Rng], Values]:
    """Shares of a training, and what a schedule is made with."""
    return lambda rng: {"progress": rng.uniform(0.01, 0.99, 40), **settings}


def of_penalty(make: Callable[[Values], hg.penalties.Penalty]) -> Any:
    """Value and gradient of a penalty."""
    return lambda v: {"l": make(v).value(v["W"], 1), "dW": make(v).gradient(v["W"], 1)}


def weights_and_factors(rng: Rng) -> Values:
    """Weights, and the factors of their penalty."""
    return {"W": rng.normal(size=(3, 4)), "alpha": 0.7, "l1_ratio": 0.2}


def logits_of_answers(rng: Rng) -> Values:
    """Logits, answers of 0 and 1 beside them."""
    return {"z": rng.normal(size=(6, 1)) + 0.3, "y": rng.permutation([0, 0, 0, 1, 1, 1])}


def halves(rng: Rng) -> Values:
    """What a focal loss makes of a logit: q, 1 − q and log q."""
    q = rng.uniform(0.1, 0.9, 5)
    return {"q": q, "rest": 1 - q, "log_q": np.log(q)}


def linear(W: Any, b: Any) -> hg.Linear:
    """A Linear with these weights."""
    layer = hg.Linear(W.shape[1], W.shape[0], dtype=np.float64)
    layer.W, layer.b = W, b
    return layer


def normal(**shapes: Any) -> Callable[[Rng], Values]:
    """Numbers around 0 for each name, in its shape."""
    return lambda rng: {name: rng.normal(size=shape) for name, shape in shapes.items()}


def probabilities(rng: Rng, n: int = 5, k: int = 3) -> Any:
    """Rows of probabilities."""
    return rng.dirichlet(np.ones(k), n) * 0.9 + 0.1 / k


def beside(**shapes: Any) -> Callable[[Rng], Values]:
    """Rows of probabilities, classes beside them, and more names with numbers around 0."""
    return lambda rng: {
        "p": probabilities(rng),
        "y": rng.permutation([0, 1, 2, 0, 1]),
        **normal(**shapes)(rng),
    }


def yes_and_no(**shapes: Any) -> Callable[[Rng], Values]:
    """Probabilities of yes, answers of 0 and 1, and more names with numbers around 0."""
    return lambda rng: {
        "p": rng.uniform(0.1, 0.9, 6),
        "y": rng.permutation([0, 0, 0, 1, 1, 1]),
        **normal(**shapes)(rng),
    }


def far_apart(**shapes: Any) -> Callable[[Rng], Values]:
    """Logits `z` that overflow unless care is taken, and more names with numbers around 0."""
    return lambda rng: {
        "z": rng.normal(size=(5, 3)) + np.array([[0], [0], [900], [-900], [0]]),
        **normal(**shapes)(rng),
    }


def positive_scales(rng: Rng) -> Values:
    """What a Standardize is made with, and rows."""
    values = normal(x=(5, 3), y=(5, 3), mean=3, dy=(5, 3))(rng)
    return values | {"scale": rng.uniform(0.5, 2, 3)}


def fitted(values: Values) -> Values:
    """A Standardize of rows, and what it makes of them."""
    layer = hg.Standardize.of(values["x"])
    return {"mean": layer.mean, "scale": layer.scale, "y": layer.forward(values["x"])}


def one_row(values: Values) -> Values:
    """Softmax of one row."""
    softmax = hg.Softmax()
    p = softmax.forward(values["z"][None])
    return {"p": p[0], "dz": softmax.backward(values["dp"][None])[0]}


def two_steps(values: Values) -> Values:
    """A net without biases, on one row."""
    A, B = values["A"], values["B"]
    net = hg.Net(linear(A, np.zeros(len(A))), hg.Tanh(), linear(B, np.zeros(len(B))))
    z = net.forward(values["x"][None])
    return {"z": z[0], "dx": net.backward(values["dz"][None])[0]}


def two_layers(values: Values) -> Values:
    """A net of two layers and its loss."""
    first = linear(values["W_1"], values["b_1"])
    second = linear(values["W_2"], values["b_2"])
    net, loss = hg.Net(first, hg.Tanh(), second, hg.Softmax()), hg.CrossEntropyLoss()
    p = net.forward(values["x"])
    l = loss.forward(p, values["t"].argmax(axis=1))  # noqa: E741
    dp = loss.backward()
    dx = net.backward(dp)
    gradients = {"dW_1": first.dW, "db_1": first.db, "dW_2": second.dW, "db_2": second.db}
    return {"p": p, "l": l, "dp": dp, "dx": dx, **gradients}


def margins(values: Values) -> Values:
    """Sigmoid and binary cross-entropy, one after the other."""
    sigmoid, loss = hg.Sigmoid(), hg.BinaryCrossEntropyLoss()
    p = sigmoid.forward(values["x"])
    l = loss.forward(p, (values["s"] + 1) / 2)  # noqa: E741
    return {"l": l, "dx": sigmoid.backward(loss.backward())}


def branches(join: Any) -> Callable[[Values], Values]:
    """A Parallel of two layers without biases."""

    def library(values: Values) -> Values:
        layers = [linear(values[name], np.zeros(len(values[name]))) for name in "AB"]
        parallel = hg.Parallel(*layers, join=join)
        found = {"y": parallel.forward(values["x"]), "dx": parallel.backward(values["dy"])}
        return found | {"dA": layers[0].dW, "dB": layers[1].dW}

    return library


def past_a_tanh(values: Values) -> Values:
    """A Residual of a layer without biases and a tanh."""
    layer = linear(values["A"], np.zeros(4))
    residual = hg.Residual(layer, hg.Tanh())
    y = residual.forward(values["x"])
    return {"y": y, "dx": residual.backward(values["dy"]), "dA": layer.dW}


def tied(values: Values) -> Values:
    """A tied embedding around a layer without biases."""
    embedding, between = hg.Embedding(4, 3, dtype=np.float64), linear(values["W"], np.zeros(3))
    embedding.E = values["E"]
    net = hg.TiedEmbedding(embedding, between)
    y = net.forward(values["c"])
    net.backward(values["dy"])
    return {"y": y, "dE": embedding.dE, "dW": between.dW}


def with_settings(layer: hg.Layer, values: Values) -> hg.Layer:
    """The layer with those of the values that are its own."""
    for name in (*layer.param_names, *layer.state_names):
        setattr(layer, name, values[name])
    return layer


def normalized(**more: Any) -> Callable[[Rng], Values]:
    """Rows, a scale and a shift for each feature, and more."""
    arrays = normal(x=(5, 3), dy=(5, 3), gamma=3, beta=3)
    return lambda rng: arrays(rng) | {"eps": 0.1} | {n: make(rng) for n, make in more.items()}


def of_batch_norm(values: Values) -> Values:
    """Output, gradients and running statistics."""
    layer = hg.BatchNorm(3, momentum=0.3, eps=0.1, dtype=np.float64)
    layer.training = bool(values["training"])
    found: Values = of_layer(lambda v: with_settings(layer, v))(values)
    return found | {name: getattr(layer, name) for name in layer.state_names}


BATCH_NORM = {
    "running_mean": lambda rng: rng.normal(size=3),
    "running_var": lambda rng: rng.uniform(0.5, 2, 3),
    "momentum": lambda _: 0.3,
}


def dropped(values: Values) -> Values:
    """A Dropout with the same draws."""
    layer = hg.Dropout(0.3)
    layer.rng = values["rng"]
    return of_layer(lambda _: layer)(values)


class Scales:
    """Stands in for a random source: every draw is the scale that was asked for."""

    def normal(self, mean: float, scale: float, shape: tuple[int, ...]) -> Any:
        return np.full(shape, scale)

    def uniform(self, low: float, high: float, shape: tuple[int, ...]) -> Any:
        return np.full(shape, high)


def initializer(name: str, letter: str) -> Case:
    """The scale that an initializer asks for."""
    draw = getattr(hg.layers.initializers, name)
    return Case(
        lambda rng: {"shape": rng.permutation([3, 7])},
        lambda values: {letter: draw(tuple(values["shape"]), Scales())[0, 0]},
    )


def signs(rng: Rng) -> Values:
    """All rows of four signs."""
    S = np.array(np.meshgrid(*[[-1.0, 1.0]] * 4)).reshape(4, -1).T
    return {"S": S, "std": 0.3, "x": rng.normal(size=4)}


def on_a_slope(rng: Rng) -> Values:
    """A loss with the symmetric curvature `A`, at a learning rate of 0."""
    root = rng.normal(size=(4, 4))
    return {"A": root @ root.T, "w": rng.normal(size=4), "learning_rate": 0.0}


def sgd(w: Any, dw: Any, learning_rate: Any) -> Any:
    """The weights after a step."""
    return hg.SGD(0.1).rule(w, dw, learning_rate=learning_rate, step=1)


def optimizer_case(optimizer: hg.optimizers.Optimizer, n: int | tuple[int, ...] = 5) -> Case:
    """The third step of an optimizer, with all its settings by their names."""
    names = ("w", *optimizer.state_names)
    settings = {k: v for k, v in vars(optimizer).items() if isinstance(v, float | bool | int)}

    def given(rng: Rng) -> Values:
        values = normal(w=n, dw=n)(rng) | {"step": 3}
        signs = {name: rng.normal(size=n) for name in names[1:] if name == "m"}
        sizes = {name: rng.uniform(0.2, 0.8, n) for name in names[1:]}
        return values | sizes | signs | settings

    def library(values: Values) -> Values:
        state = [values[name] for name in names]
        numbers = {name: values[name] for name in ("learning_rate", "step")}
        new = optimizer.rule(state[0], values["dw"], *state[1:], **numbers)
        return dict(zip(names, new, strict=True))

    return Case(given, library)


class Uniform(NormalNumbers):
    """Makes normal numbers of these uniform ones."""

    def __init__(self, u: Any, v: Any) -> None:
        self.random, self.dtype = lambda size, dtype: np.array([u, v]), u.dtype


def averaged(w: Any, average: Any, share: float) -> Any:
    """The average of EMA after a step without a gradient, in which the weights have this share."""
    ema = hg.optimizers.EMA(hg.SGD(1.0), decay=(1 - share) / share)  # of the second step
    return ema.update(w, 0 * w, average, learning_rate=1.0, step=2)[-1]


def accumulated(dw: Any, total: Any, batches: int) -> Any:
    adapter = hg.optimizers.GradientAccumulation(hg.SGD(1.0), batches)
    return adapter.update(dw, dw, total, learning_rate=1.0, step=1)[-1]


def newton_schulz(rng: Rng) -> Values:
    """A matrix u, the same at norm 1, and the constants of the polynomial."""
    u = rng.normal(size=(3, 4))
    x = u / (np.sqrt((u * u).sum()) + 1e-7)
    return {"u": u, "x": x, "a": muon.A, "b": muon.B, "c": muon.C}


def moved(w: Any, dw: Any, **settings: Any) -> Any:
    """By how much SGD moves the weights against what comes before its rule."""
    (new,) = hg.SGD(1.0, **settings).update(
        w, dw, learning_rate=1.0, step=1, dw_norm=np.sqrt((dw**2).sum())
    )
    return w - new


def shrunk(v: Values) -> Values:
    """The weights after a step of AdamW where nothing pulls at them."""
    adamw = hg.AdamW(0.1, weight_decay=float(v["weight_decay"]))
    still = np.zeros_like(v["w"])
    numbers = {"learning_rate": v["learning_rate"], "step": 1}
    return {"w": adamw.update(v["w"], still, still, still, **numbers)[0]}


def one_hot(rng: Rng) -> Any:
    """The one-hot rows of five classes."""
    return np.eye(3)[rng.permutation([0, 1, 2, 0, 1])]


SQUARE = normal(x=(4, 4), W=(4, 4), b=4, dz=(4, 4))


def looked_up(values: Values) -> Values:
    """Output and gradient of an Embedding."""
    layer = hg.Embedding(4, 3, padding=values["padding"], dtype=np.float64)
    with_settings(layer, values)
    y = layer.forward(values["c"])
    layer.backward(values["dy"])
    return {"y": y, "dE": layer.dE}


def attended(values: Values) -> Values:
    """Output and gradients of attention with its mask."""
    layer = hg.MultiheadAttention(6, 3, causal=True, rotary=True, dtype=np.float64)
    with_settings(layer, values)
    y, dx = layer.forward(values["x"], values["mask"]), layer.backward(values["dy"])
    return {"y": y, "dx": dx} | {f"d{name}": layer.gradient(name) for name in layer.param_names}


def pooled(pooling: hg.layers.MeanOverTime | hg.layers.MaxOverTime) -> Callable[[Values], Values]:
    """Output and gradient of a pooling with its mask."""
    return lambda v: {
        "y": pooling.forward(v["x"], v["mask"]),
        "dx": pooling.backward(v["dy"]),
    }


def filled_up(rng: Rng) -> Values:
    """Three sequences, of 3, 4 and no places."""
    mask = np.arange(4) < np.array([3, 4, 0])[:, None]
    return {**normal(x=(3, 4, 2), dy=(3, 2))(rng), "mask": mask}


SEQUENCES = normal(x=(2, 4, 6), W=(18, 6), b=18, Wo=(6, 6), bo=6, dy=(2, 4, 6))
POSITIONS, SINES = (
    hg.layers.PositionEmbedding(4, 2, dtype=np.float64),
    hg.layers.SinusoidalEncoding(13, 6),
)
PLACES = normal(x=(5, 3, 2), P=(4, 2), dy=(5, 3, 2))


def one_step(kind: type[RecurrentLayer], *states: str) -> Case:
    """A step of a recurrent layer, and its derivative."""
    layer, shape = kind(2, 3, dtype=np.float64), (5, 3)
    sums = {"a": (5, 3 * layer.n_gates), "U": layer.U.shape, "v": layer.v.shape}
    nexts = [f"d{state}_next" for state in states]
    given = normal(**sums, **dict.fromkeys([*states, *nexts], shape))

    def library(values: Values) -> Values:
        layer.U, layer.v = values["U"], values["v"]
        after, kept = layer.step(values["a"], *(values[state] for state in states))
        da, du, before = layer.step_backward(*(values[name] for name in nexts), *kept)
        found = {"da": da, **({} if du is da else {"du": du})}
        found |= {f"{state}_next": one for state, one in zip(states, after, strict=True)}
        return found | {f"d{state}": one for state, one in zip(states, before, strict=True)}

    return Case(lambda rng: given(rng) | {"n_out": 3}, library)


TWO_STEPS = normal(x=(5, 2, 4), W=(3, 4), U=(3, 3), b=3, v=3, dh=(5, 3))
ROWS = normal(x=(5, 3), dy=(5, 3))
COLUMN = normal(p=(5, 1), y=5)

SIDE_BY_SIDE = hg.tables.EnsembleLinear(4, 3, 2, dtype=np.float64)
MEMBERS = normal(x=(5, 2, 4), W=(2, 3, 4), b=(2, 3), dz=(5, 2, 3))
SOFT_TARGETS = hg.losses.SoftTargetCrossEntropyLoss()
WAVES = hg.tables.EnsemblePeriodicEmbedding(5, 2, 2, n_waves=4, size=2, dtype=np.float64)
OF_WAVES = normal(x=(5, 2, 5), w=(2, 2, 4), b=(2, 2, 4), V=(2, 2, 4, 2), dy=(5, 2, 9))
SIZES_OF_WAVES = ("n_periodic", "n_members", "n_waves", "size", "n_in", "n_out")
EMBEDDING = hg.tables.TabularEmbedding(4, 2, n_codes=2, n_numbers=5, dtype=np.float64)
EMBEDDINGS = hg.tables.EnsembleEmbedding(4, 2, 3, n_codes=2, n_numbers=5, dtype=np.float64)


def coded(
    layer: hg.tables.TabularEmbedding | hg.tables.EnsembleEmbedding,
) -> Callable[[Rng], Values]:
    """Rows for an embedding, with codes that a small step leaves what they are."""
    names = ("n_numbers", "n_codes", "size", "n_members", "n_in", "n_out")
    settings = {name: getattr(layer, name) for name in names if hasattr(layer, name)}
    of_member = [False] * layer.n_numbers + [True] * layer.n_codes
    members = (settings["n_members"],) if "n_members" in settings else ()
    return lambda rng: {
        "x": np.where(
            of_member,
            rng.integers(0, 4, (6, *members, len(of_member))) + 0.5,
            rng.normal(size=(6, *members, 1)),
        ),
        "E": rng.normal(size=layer.E.shape),
        "dy": rng.normal(size=(6, *members, settings["n_out"])),
        **settings,
    }


CASES = {
    "Linear": Case(in_places(SQUARE, "x", "dz"), of_layer(lambda v: linear(v["W"], v["b"]), y="z")),
    "FeatureScale": Case(
        in_places(normal(x=(5, 3), s=3, dy=(5, 3)), "x", "dy"),
        of_layer(lambda v: with_settings(hg.layers.FeatureScale(3, dtype=np.float64), v)),
    ),
    "a scale before a linear layer": Case(normal(x=(5, 4), s=4, W=(4, 4))),
    "the error of a mean": Case(normal(p=5, y=())),
    "EnsembleLinear": Case(MEMBERS, of_layer(lambda v: with_settings(SIDE_BY_SIDE, v), y="z")),
    "Embedding": Case(
        lambda rng: {
            "c": rng.integers(0, 4, (6, 2)),
            "E": rng.normal(size=(4, 3)),
            "padding": 1,
            "dy": rng.normal(size=(6, 2, 3)),
        },
        looked_up,
    ),
    "scores by the table": Case(
        lambda rng: normal(E=(4, 3), W=(3, 3), dy=(6, 4))(rng) | {"c": rng.integers(0, 4, 6)},
        tied,
    ),
    "TabularEmbedding": Case(coded(EMBEDDING), of_layer(lambda v: with_settings(EMBEDDING, v))),
    "EnsembleEmbedding": Case(coded(EMBEDDINGS), of_layer(lambda v: with_settings(EMBEDDINGS, v))),
    "MultiheadAttention": Case(
        lambda rng: (
            SEQUENCES(rng)
            | {"n_heads": 3, "causal": True, "turns": 1}
            | {"mask": np.array([[1, 1, 0, 1], [1, 1, 1, 0]], bool)}
        ),
        attended,
    ),
    "attention does not see the order": Case(
        lambda rng: (
            normal(q=(2, 2, 4, 3), k=(2, 2, 4, 3), v=(2, 2, 4, 5))(rng)
            | {"order": np.array([2, 0, 3, 1]), "causal": False}
        )
    ),
    "MeanOverTime": Case(filled_up, pooled(hg.layers.MeanOverTime())),
    "a mean of the valid positions": Case(filled_up),
    "MaxOverTime": Case(filled_up, pooled(hg.layers.MaxOverTime())),
    "PositionEmbedding": Case(PLACES, of_layer(lambda v: with_settings(POSITIONS, v))),
    "SinusoidalEncoding": Case(
        lambda rng: normal(x=(5, 3, 6), dy=(5, 3, 6))(rng) | {"P": SINES.P},
        of_layer(lambda v: SINES),
    ),
    "sines know distances": Case(lambda rng: {"P": SINES.P}),
    "RotaryEmbedding": Case(
        normal(x=(5, 3, 6), dy=(5, 3, 6)), of_layer(lambda v: hg.layers.RotaryEmbedding(6))
    ),
    "pairs of features turn": Case(normal(x=(5, 3, 6))),
    "turned vectors know distances": Case(normal(q=6, k=6)),
    "EnsemblePeriodicEmbedding": Case(
        lambda rng: OF_WAVES(rng) | {name: getattr(WAVES, name) for name in SIZES_OF_WAVES},
        of_layer(lambda v: with_settings(WAVES, v)),
    ),
    "two steps of an RNN": Case(
        TWO_STEPS,
        of_layer(lambda v: with_settings(hg.layers.RNN(4, 3, dtype=np.float64), v), y="h"),
    ),
    "RNN": one_step(hg.layers.RNN, "h"),
    "LSTM": one_step(hg.LSTM, "h", "c"),
    "GRU": one_step(hg.GRU, "h"),
    "a sigmoid written with tanh": Case(normal(x=(5, 3))),
    "a row looked up is a product": Case(
        lambda rng: {"c": rng.integers(0, 4, 6), "E": rng.normal(size=(4, 3))}
    ),
    "SoftTargetCrossEntropyLoss": Case(
        lambda rng: {
            "z": rng.normal(size=(5, 2, 3)) + np.array([0, 0, 900, -900, 0])[:, None, None],
            "t": rng.uniform(0.1, 2, (5, 2, 3)),
            "w": rng.uniform(0.5, 2, 5),
        },
        lambda v: {
            "l": SOFT_TARGETS.forward(v["z"], v["t"], v["w"]),
            "dz": SOFT_TARGETS.backward(),
        },
    ),
    "two linear layers": Case(normal(x=(4, 4), V=(4, 4), c=4, W=(4, 4), b=4)),
    "tanh in other words": Case(normal(x=(5, 3))),
    "Tanh": Case(ROWS, of_layer(lambda _: hg.Tanh())),
    "sigmoid from the log-odds": Case(
        normal(x=(5, 3)), lambda v: {"p": hg.Sigmoid().forward(v["x"])}
    ),
    "Sigmoid": Case(
        lambda rng: {"x": rng.normal(size=(5, 3)) * [1, 1, 900], "dp": rng.normal(size=(5, 3))},
        of_layer(lambda _: hg.Sigmoid(), y="p"),
    ),
    "ReLU": Case(ROWS, of_layer(lambda _: hg.ReLU())),
    "LeakyReLU": Case(
        lambda rng: ROWS(rng) | {"a": 0.1}, of_layer(lambda v: hg.layers.LeakyReLU(float(v["a"])))
    ),
    "SiLU": Case(ROWS, of_layer(lambda _: hg.layers.SiLU())),
    "GELU": Case(ROWS, of_layer(lambda _: hg.GELU())),
    "GELUTanh": Case(ROWS, of_layer(lambda _: hg.layers.GELUTanh())),
    "ELU": Case(
        lambda rng: ROWS(rng) | {"a": 0.7}, of_layer(lambda v: hg.layers.ELU(float(v["a"])))
    ),
    "SELU": Case(
        lambda rng: ROWS(rng) | {"a": hg.layers.SELU.a, "s": hg.layers.SELU.s},
        of_layer(lambda _: hg.layers.SELU()),
    ),
    "a and s of SELU": Case(lambda _: {"a": hg.layers.SELU.a, "s": hg.layers.SELU.s}),
    "SwiGLU": Case(
        in_places(normal(x=(5, 6), dy=(5, 3)), "x", "dy"), of_layer(lambda _: hg.layers.SwiGLU())
    ),
    "Softplus": Case(ROWS, of_layer(lambda _: hg.layers.Softplus())),
    "Mish": Case(ROWS, of_layer(lambda _: hg.layers.Mish())),
    "softmax does not see a shift": Case(normal(z=(5, 3), c=(5, 1))),
    "Softmax": Case(
        in_places(far_apart(dp=(5, 3)), "z", "dp"), of_layer(lambda _: hg.Softmax(), "z", "p")
    ),
    "softmax of two classes": Case(normal(z=(5, 2))),
    "softmax of one row": Case(normal(z=4, dp=4), one_row),
    "softmax without its Jacobian": Case(
        lambda rng: {"p": probabilities(rng)[0], "dp": rng.normal(size=3)}
    ),
    "Standardize": Case(positive_scales, of_layer(lambda v: hg.Standardize(v["mean"], v["scale"]))),
    "LayerNorm": Case(
        in_places(normalized(), "x", "dy"),
        of_layer(lambda v: with_settings(hg.LayerNorm(3, eps=0.1, dtype=np.float64), v)),
    ),
    "RMSNorm": Case(
        in_places(normalized(), "x", "dy"),
        of_layer(lambda v: with_settings(hg.layers.RMSNorm(3, eps=0.1, dtype=np.float64), v)),
    ),
    "BatchNorm": Case(
        in_places(normalized(training=lambda _: True, **BATCH_NORM), "x", "dy"), of_batch_norm
    ),
    "BatchNorm in prediction": Case(
        in_places(normalized(training=lambda _: False, **BATCH_NORM), "x", "dy"), of_batch_norm
    ),
    "unbiased variance": Case(
        lambda _: {"S": np.array(np.meshgrid(*[[0.0, 1.0, 5.0]] * 4)).reshape(4, -1).T, "n": 4}
    ),
    "Dropout": Case(lambda rng: ROWS(rng) | {"p": 0.3, "rng": Drawn()}, dropped),
    "mean and variance of what is dropped": Case(lambda rng: {"x": rng.normal(), "p": 0.3}),
    "Parallel, sum": Case(normal(x=(4, 4), A=(4, 4), B=(4, 4), dy=(4, 4)), branches("sum")),
    "Parallel, concatenated": Case(
        normal(x=(4, 4), A=(3, 4), B=(4, 4), dy=(4, 7)), branches("concatenate")
    ),
    "Residual of a linear layer and a tanh": Case(
        normal(x=(4, 4), A=(4, 4), dy=(4, 4)), past_a_tanh
    ),
    "standardized rows": Case(normal(x=(5, 3)), fitted),
    "standardize and back": Case(
        positive_scales,
        lambda v: {"x": hg.Standardize(v["mean"], v["scale"]).inverse().forward(v["y"])},
    ),
    "CrossEntropyLoss": Case(
        weighted(in_places(beside(), "p", "y")), of_loss(hg.CrossEntropyLoss())
    ),
    "one-hot": Case(beside()),
    "cross-entropy is entropy and relative entropy": Case(
        lambda rng: {"t": probabilities(rng)[0], "p": probabilities(rng)[0]}
    ),
    "SoftmaxCrossEntropyLoss": Case(
        weighted(
            in_places(lambda rng: far_apart()(rng) | {"y": np.array([0, 1, 2, 0, 1])}, "z", "y")
        ),
        of_loss(hg.SoftmaxCrossEntropyLoss(), "z"),
    ),
    "LabelSmoothingCrossEntropyLoss": Case(
        weighted(
            in_places(
                lambda rng: far_apart()(rng) | {"y": np.array([0, 1, 2, 0, 1]), "a": 0.3}, "z", "y"
            )
        ),
        of_loss(hg.losses.LabelSmoothingCrossEntropyLoss(0.3), "z"),
    ),
    "smoothed targets": Case(lambda rng: beside()(rng) | {"a": 0.3}),
    "MultiMarginLoss": Case(
        weighted(in_places(beside(z=(5, 3)), "z", "y")), of_loss(hg.losses.MultiMarginLoss(), "z")
    ),
    "log-sum-exp": Case(lambda rng: {"z": (z := rng.normal(size=(5, 3))), "m": z.max(axis=1)}),
    "softmax after cross-entropy": Case(
        lambda rng: {"t": one_hot(rng), "p": probabilities(rng), "n": 5}
    ),
    "BinaryCrossEntropyLoss": Case(
        weighted(lambda rng: yes_and_no()(rng) | {"p": rng.uniform(0.1, 0.9, (6, 1))}),
        of_loss(hg.BinaryCrossEntropyLoss()),
    ),
    "logistic loss from logits": Case(yes_and_no(z=6)),
    "SigmoidBinaryCrossEntropyLoss": Case(
        weighted(logits_of_answers), of_loss(hg.SigmoidBinaryCrossEntropyLoss(), "z")
    ),
    "FocalLoss": Case(
        weighted(lambda rng: logits_of_answers(rng) | {"gamma": 1.5, "alpha": 0.3}),
        of_loss(hg.losses.FocalLoss(gamma=1.5, alpha=0.3), "z"),
    ),
    "focal loss in other words": Case(halves),
    "HingeLoss": Case(weighted(logits_of_answers), of_loss(hg.losses.HingeLoss(), "z")),
    "binary cross-entropy in other words": Case(yes_and_no()),
    "sigmoid after binary cross-entropy": Case(yes_and_no()),
    "zero_one_loss for two classes": Case(
        yes_and_no(), lambda v: {"l": hg.metrics.zero_one_loss(v["p"], v["y"])}
    ),
    "zero_one_loss": Case(beside(), lambda v: {"l": hg.metrics.zero_one_loss(v["p"], v["y"])}),
    "logistic loss": Case(yes_and_no(x=6)),
    "logistic loss of the margin": Case(
        lambda rng: {"x": rng.normal(size=6), "s": rng.permutation([-1, 1, -1, 1, -1, 1])},
        margins,
    ),
    "MSELoss": Case(weighted(COLUMN), of_loss(hg.MSELoss())),
    "MAELoss": Case(weighted(COLUMN), of_loss(hg.losses.MAELoss())),
    "HuberLoss": Case(
        weighted(lambda rng: COLUMN(rng) | {"delta": 0.5}), of_loss(hg.losses.HuberLoss(0.5))
    ),
    "QuantileLoss": Case(
        weighted(lambda rng: COLUMN(rng) | {"q": 0.3}), of_loss(hg.losses.QuantileLoss(0.3))
    ),
    "PoissonNLLLoss": Case(
        weighted(lambda rng: {"z": rng.normal(size=(5, 1)), "y": rng.poisson(2.0, 5)}),
        of_loss(hg.losses.PoissonNLLLoss(), "z"),
    ),
    "GammaDevianceLoss": Case(
        weighted(lambda rng: {"z": rng.normal(size=(5, 1)), "y": rng.gamma(2.0, size=5)}),
        of_loss(hg.losses.GammaDevianceLoss(), "z"),
    ),
    "TweedieDevianceLoss": Case(
        weighted(
            lambda rng: {
                "z": rng.normal(size=(5, 1)),
                "y": rng.gamma(2.0, size=5),
                "a": 1 - 1.3,
                "b": 2 - 1.3,
            }
        ),
        of_loss(hg.losses.TweedieDevianceLoss(1.3), "z"),
    ),
    "gamma deviance": Case(
        lambda rng: {"y": rng.uniform(1, 5, 6), "m": rng.uniform(1, 5, 6)},
    ),
    "Tweedie's slope": Case(tweedie_terms),
    "LogisticHazardLoss": Case(
        weighted(lambda rng: {"z": rng.normal(size=(5, 2, 3)), "y": rng.integers(-1, 2, (5, 6))}),
        of_loss(hg.losses.LogisticHazardLoss(), "z"),
    ),
    "event in the third interval": Case(lambda rng: {"h": rng.uniform(0.1, 0.9, 3)}),
    "survival": Case(lambda rng: {"z": rng.normal(size=(5, 3))}),
    "deviance": Case(
        lambda rng: {"y": rng.uniform(1, 5, 6), "r": rng.uniform(1, 5, 6)},
    ),
    "a weighted mean": Case(
        weighted(normal(l=(5, 3))),
        lambda v: {"s": mean_weights(v["w"], v["l"]), "m": weighted_mean(v["l"], v["w"])},
    ),
    "the mean of an epoch": Case(
        weighted(normal(l=5)),
        lambda v: {
            "a": weighted_mean(v["l"][:2], v["w"][:2]),
            "b": weighted_mean(v["l"][2:], v["w"][2:]),
        },
    ),
    "balanced": Case(weighted(lambda rng: {"y": rng.permutation([0, 1, 2, 0, 1])})),
    "two steps": Case(normal(x=4, A=(4, 4), B=(4, 4), dz=4), two_steps),
    "net of two layers": Case(
        lambda rng: (
            normal(x=(5, 4), W_1=(4, 4), b_1=4, W_2=(3, 4), b_2=3)(rng) | {"t": one_hot(rng)}
        ),
        two_layers,
    ),
    "plain step": Case(
        lambda rng: normal(w=4, dw=4)(rng) | {"learning_rate": 0.1},
        lambda v: {"w": sgd(v["w"], v["dw"], v["learning_rate"])},
    ),
    "descent": Case(on_a_slope, lambda v: {"v": sgd(v["w"], v["A"] @ v["w"], v["learning_rate"])}),
    "SGD": optimizer_case(hg.SGD(0.1, momentum=0.7, nesterov=True)),
    "Adagrad": optimizer_case(hg.optimizers.Adagrad(0.1, eps=0.1)),
    "RMSprop": optimizer_case(hg.optimizers.RMSprop(0.1, alpha=0.7, eps=0.1)),
    "Adam": optimizer_case(hg.Adam(0.1, betas=(0.7, 0.8), eps=0.1)),
    "NAdam": optimizer_case(
        hg.optimizers.NAdam(0.1, betas=(0.7, 0.8), eps=0.1, momentum_decay=0.5)
    ),
    "Lion": optimizer_case(hg.optimizers.Lion(0.1, betas=(0.7, 0.8)), n=300),
    "Muon": optimizer_case(hg.optimizers.Muon(0.1, momentum=0.7, steps=2), n=(3, 2, 2)),
    "Box and Muller": Case(
        lambda rng: {"u": rng.random(4), "v": rng.random(4)},
        lambda v: {"g": Uniform(v["u"], v["v"]).standard_normal(4)},
    ),
    "EMA": Case(
        lambda rng: {"decay": 0.7, "step": 3},
        lambda v: {"share": hg.optimizers.EMA(hg.SGD(1.0), v["decay"]).share(v["step"])},
    ),
    "average of weights": Case(
        lambda rng: {"w": rng.normal(size=4), "average": rng.normal(size=4), "share": 0.6},
        lambda v: {"average": averaged(v["w"], v["average"], v["share"])},
    ),
    "accumulated gradients": Case(
        lambda rng: {"dw": rng.normal(size=4), "total": rng.normal(size=4), "batches": 4},
        lambda v: {"total": accumulated(v["dw"], v["total"], v["batches"])},
    ),
    "Newton-Schulz step": Case(
        newton_schulz, lambda v: {"x": muon.orthogonalized(v["u"], steps=1)}
    ),
    "velocity from rest": Case(lambda rng: {"g": rng.normal(size=3), "momentum": 0.7}),
    "mean of equal gradients": Case(lambda rng: {"g": rng.normal(size=3), "beta": 0.7}),
    "decoupled weight decay": Case(
        lambda rng: {"w": rng.normal(size=4), "weight_decay": 0.3, "learning_rate": 0.2}, shrunk
    ),
    "weight decay": Case(
        lambda rng: {"w": rng.normal(size=4), "weight_decay": 0.3},
        lambda v: {"dw": moved(v["w"], np.zeros(4), weight_decay=float(v["weight_decay"]))},
    ),
    "a schedule: step": Case(
        progress_and(every=0.3, gamma=0.2),
        of_schedule(lambda v: hg.schedules.step(float(v["every"]), float(v["gamma"]))),
    ),
    "a schedule: exponential": Case(
        lambda rng: {"progress": 0.7, "first": 0.3, "second": 0.4, "end": 0.02},
        of_schedule(lambda v: hg.schedules.exponential(float(v["end"]))),
    ),
    "a schedule: cosine": Case(
        progress_and(end=0.1), of_schedule(lambda v: hg.schedules.cosine(float(v["end"])))
    ),
    "a schedule: cyclic cosine": Case(
        progress_and(cycles=3, growth=2.0, end=0.1),
        of_schedule(
            lambda v: hg.schedules.cyclic_cosine(int(v["cycles"]), float(v["growth"]), 0.1)
        ),
    ),
    "a schedule: coslog": Case(
        progress_and(cycles=4), of_schedule(lambda v: hg.schedules.coslog(int(v["cycles"])))
    ),
    "a schedule: warm up": Case(
        lambda rng: {"progress": rng.uniform(0, 0.39, 40), "share": 0.4, "start": 0.2},
        of_schedule(lambda v: hg.schedules.warm_up(float(v["share"]), None, float(v["start"]))),
    ),
    "a schedule: one cycle": Case(
        progress_and(rise=0.4, start=0.1, end=0.02),
        of_schedule(
            lambda v: hg.schedules.one_cycle(*(float(v[n]) for n in ("rise", "start", "end")))
        ),
    ),
    "L2Penalty": Case(
        weights_and_factors, of_penalty(lambda v: hg.penalties.L2Penalty(float(v["alpha"])))
    ),
    "L1Penalty": Case(
        weights_and_factors, of_penalty(lambda v: hg.penalties.L1Penalty(float(v["alpha"])))
    ),
    "ElasticNetPenalty": Case(
        weights_and_factors,
        of_penalty(
            lambda v: hg.penalties.ElasticNetPenalty(float(v["alpha"]), float(v["l1_ratio"]))
        ),
    ),
    "L-BFGS on a parabola": Case(
        lambda rng: {
            "a": 3.0,
            "c": rng.normal(size=4),
            "w": rng.normal(size=4),
            "s": np.full(4, 0.1),
        }
    ),
    "clipping by norm": Case(
        lambda rng: {"dw": rng.normal(size=(3, 3)) * [[0.1], [1], [9]], "clip_norm": 0.8},
        lambda v: {"dw": np.stack([moved(0 * g, g, clip_norm=0.8) for g in v["dw"]])},
    ),
    "clipping by value": Case(
        lambda rng: {"dw": 3 * rng.normal(size=20), "clip_value": 0.8},
        lambda v: {"dw": moved(0 * v["dw"], v["dw"], clip_value=0.8)},
    ),
    "minibatches": Case(
        lambda rng: {"g": rng.normal(size=(12, 4)), "m": 3},
        lambda v: {"dw": np.stack([v["g"][rows].mean(axis=0) for rows in batches(12, 3)])},
    ),
    "variance of an output": Case(
        signs,
        lambda v: {"z": linear(v["std"] * v["S"], np.zeros(16)).forward(v["x"][None])[0]},
    ),
    "lecun_normal": initializer("lecun_normal", "std"),
    "lecun_uniform": initializer("lecun_uniform", "bound"),
    "he_normal": initializer("he_normal", "std"),
    "he_uniform": initializer("he_uniform", "bound"),
    "xavier_normal": initializer("xavier_normal", "std"),
    "orthogonal": Case(
        lambda rng: {
            "x": rng.normal(size=(5, 3)),
            "W": hg.layers.initializers.orthogonal((4, 3), rng),
        },
        lambda v: {"z": linear(v["W"], np.zeros(4)).forward(v["x"])},
    ),
    "xavier_uniform": initializer("xavier_uniform", "bound"),
    **{title: Case(*case) for title, case in PICTURE_CASES.items()},
}

# Mistakes that are none, with the reason.
HARMLESS = {
    "done = -(np.log2(1 + (2**cycles - 1) * progress))": "a cosine is the same on both sides of 0",
    "z = np.einsum('nmi,moi->nmo', x, W) + b": "the order of a sum",
    "dW = np.einsum('nmo,nmi->moi', dz, x)": "the order of a sum",
    "dx = np.einsum('nmo,moi->nmi', dz, W)": "the order of a sum",
    "share = -((progress - starts[i]) / lengths[i])": "a cosine is the same on both sides of 0",
    "dW = alpha / np.sign(W)": "1 and -1 are their own inverses",
    "dW = alpha * (l1_ratio / np.sign(W) + (1 - l1_ratio) * W)": "1 and -1 are their own inverses",
    "dp = -(np.zeros_like(p))": "minus zero is zero",
    "dP = -(np.zeros_like(P))": "minus zero is zero",
    "r = np.einsum('nmpf,mpfo->nmpo', c, V)": "the order of a sum",
    "dV = np.einsum('nmpf,nmpo->mpfo', c, dr)": "the order of a sum",
    "du = -np.sin(u) * np.einsum('nmpo,mpfo->nmpf', dr, V)": "the order of a sum",
    "y = np.concatenate([x, rows], axis=-1)": "the last of three axes",
    "dE = -(np.zeros_like(E))": "minus zero is zero",
    "dx = np.concatenate([dy[:, :n_numbers], np.zeros_like(slopes[:, :, 1])], axis=1)": "zeros",
    "y = np.concatenate([x[:, :, :n_numbers].astype(E.dtype), rows], axis=-1)": "the last axis",
    "dx = np.concatenate([dy[:, :, :n_numbers], np.zeros_like(slopes[..., 0])], axis=-1)": "same",
    "dx = np.concatenate([dy[:, :, :n_numbers], np.zeros_like(slopes[..., 1])], axis=2)": "zeros",
    "halves = x.reshape(*x.shape[:-1], 2, -2)": "the same as -1: the size to be found",
    "l = v @ A.T @ v / 2": "A is symmetric",
    "v = w - learning_rate * (A.T @ w)": "A is symmetric",
    "dlearning_rate = -((A.T @ w) ** 2).sum()": "A is symmetric",
    "dz = J @ dp": "the Jacobian of a softmax is symmetric",
    "e = -(np.exp(z - z.max(axis=-1, keepdims=True)))": "p is a quotient: the sign cancels",
    "w = w - learning_rate / np.sign(c)": "1 and -1 are their own inverses",
    "m[true_class(y)] = -(0)": "minus zero is zero",
    "z = std / S @ x": "S holds nothing but 1 and -1",
    "kept = rng.random(x.shape) >= p": "all is float64 here",
    "u = rng.random((2, len(x), 1, 1, 1))": "all is float64 here",
    "flipped = rng.random((len(x), 1, 1, 1)) < p": "all is float64 here",
    "g = rng.standard_normal(x.shape)": "all is float64 here",
    "y = x.reshape(len(x), -2)": "NumPy takes any size below 0 as the one to be found",
    "u = windows.transpose(1, 4, 5, 0, 2, 3).reshape(groups, -2, n * h * w)": "the same",
    "u = windows.transpose(1, 3, 0, 2).reshape(groups, -2, n * m)": "the same",
    "z = W.reshape(groups, n_out // groups, -2) @ u": "the same",
    "dz_columns = dz.transpose(1, 0, 2, 3).reshape(groups, -2, n * h * w)": "the same",
    "dz_columns = dz.transpose(1, 0, 2).reshape(groups, -2, n * m)": "the same",
    "du = W.reshape(groups, n_out // groups, -2).swapaxes(1, 2) @ dz_columns": "the same",
    "u = W.reshape(n_in, -2).T @ x_columns": "the same",
    "windows = u.reshape(n_out, -2, n, h, w).transpose(1, 2, 0, 3, 4)": "the same",
    "windows = u.reshape(n_out, -2, n, m).transpose(1, 2, 0, 3)": "the same",
    "du = windows.transpose(1, 4, 5, 0, 2, 3).reshape(-2, n * h * w)": "the same",
    "du = windows.transpose(1, 3, 0, 2).reshape(-2, n * m)": "the same",
    "dx_columns = W.reshape(n_in, -2) @ du": "the same",
    "db = dz_columns.sum(axis=-1).reshape(n_out)": "the last of three axes",
    "wide = -(covered(x, n_out, kernel_size, stride))": "minus zero is zero",
    "du_windows = du.reshape(n_in, -2, n, h, w).transpose(1, 2, 0, 3, 4)": "the same",
    "du_windows = du.reshape(n_in, -2, n, m).transpose(1, 2, 0, 3)": "the same",
    "dx = dy.transpose(np.argsort((1, *axes)))": "the same order: no axis is before the first",
}

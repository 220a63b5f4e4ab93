"""A training in a process of its own: `python -m tests.engines.warm_nets NAME`.

It prints a checksum of the weights after two epochs, and how many functions that record, pass over
graphs, build loops or compile were called.
"""

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

import handgrad as hg

ROWS = 12
# What records, passes over graphs, builds loops and compiles.
MAKERS = (
    *("graph/trace.py", "graph/tracer.py", "graph/traced.py", "graph/passes/"),
    *(f"engines/loops/{name}.py" for name in ("build", "fusion", "loop_nests", "product_nests")),
    *(
        "engines/loops/updates.py",
        "engines/compiled/llvm.py",
        "engines/compiled/statement_writer.py",
    ),
)
OF_A_FUNCTION = 1  # the flag of code that is no module's and no class's


def residual(n: int) -> hg.Layer:
    inner = (hg.Conv2d(n, n, 3, padding=1, rng=1), hg.layers.BatchNorm2d(n), hg.ReLU())
    return hg.Residual(*inner, hg.Conv2d(n, n, 3, padding=1, rng=2), hg.layers.BatchNorm2d(n))


def lenet() -> hg.Net:
    return hg.Net(
        *(hg.Conv2d(1, 2, 3, padding=1, rng=0), hg.Tanh(), hg.MaxPool2d(2), hg.Flatten()),
        *(hg.Linear(32, 6, rng=1), hg.Tanh(), hg.Linear(6, 3, rng=2)),
    )


def resnet() -> hg.Net:
    first = (hg.Conv2d(1, 2, 3, padding=1, rng=0), hg.layers.BatchNorm2d(2), hg.ReLU())
    return hg.Net(*first, residual(2), hg.MaxPool2d(4), hg.Flatten(), hg.Linear(8, 3, rng=3))


def transformer() -> hg.Net:
    net = hg.Net(hg.Embedding(5, 4, rng=0), hg.layers.PositionEmbedding(6, 4, rng=0))
    for i in range(2):
        attention = hg.MultiheadAttention(4, 2, causal=True, rng=i)
        inner = (hg.LayerNorm(4), hg.Linear(4, 8, rng=i), hg.GELU(), hg.Linear(8, 4, rng=i))
        net.add(hg.Residual(hg.LayerNorm(4), attention)).add(hg.Residual(*inner))
    return net.add(hg.Linear(4, 3, rng=1))


NETS: dict[str, tuple[Callable[[], hg.Net], tuple[int, ...]]] = {
    "MLP": (lambda: hg.Net(hg.Linear(4, 5, rng=0), hg.ReLU(), hg.Linear(5, 3, rng=1)), (4,)),
    "dropout": (lambda: hg.Net(hg.Linear(4, 5, rng=0), hg.Dropout(), hg.Linear(5, 3, rng=1)), (4,)),
    "LeNet-5": (lenet, (1, 8, 8)),
    "GRU": (lambda: hg.Net(hg.GRU(2, 3, rng=0), hg.Linear(3, 3, rng=1)), (7, 2)),
    "LSTM": (lambda: hg.Net(hg.LSTM(2, 3, rng=0), hg.Linear(3, 3, rng=1)), (9, 2)),
    "transformer": (transformer, (6,)),
    "ResNet": (resnet, (1, 8, 8)),
}


def trained(name: str) -> bytes:
    """The weights of a net after two epochs, and its predictions."""
    make, shape = NETS[name]
    rng, net = np.random.default_rng(0), make()
    x: Any = rng.standard_normal((ROWS, *shape)).astype(np.float32)
    y: Any = rng.integers(0, 3, ROWS)
    if name == "transformer":
        x, y = rng.integers(0, 5, (ROWS, *shape)), rng.integers(0, 3, (ROWS, *shape))
    given: dict[str, Any] = {"loss": hg.SoftmaxCrossEntropyLoss(), "optimizer": hg.Adam(0.01)}
    hg.fit(
        net, (x, y), **given, epochs=2, batch_size=5, rng=0, engine="compiled", validation=(x, y)
    )
    return net.parameters.tobytes() + net.predict(x, engine="compiled").tobytes()


def classified(name: str) -> bytes:
    """The probabilities of an estimator after a fit."""
    x = np.random.default_rng(0).standard_normal((40, 3))
    length: dict[str, Any] = {"max_iter" if name == "MLPClassifier" else "epochs": 2}
    model = getattr(hg, name)(**length, random_state=0, engine="compiled")
    return bytes(model.fit(x, np.arange(40) % 2).predict_proba(x).tobytes())


CASES: dict[str, Callable[[str], bytes]] = {
    **dict.fromkeys(NETS, trained),
    **dict.fromkeys(("MLPClassifier", "TabularClassifier"), classified),
}


def main(name: str) -> None:
    """Print what came out, and what was called that a plan makes needless."""
    package, made = str(Path(hg.__file__).parent), list[str]()

    def note(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_flags & OF_A_FUNCTION and code.co_name[0] != "<":
            within = code.co_filename.removeprefix(package)[1:].replace("\\", "/")
            if within.startswith(MAKERS):
                made.append(f"{within} {code.co_name}")

    sys.setprofile(note)
    content = CASES[name](name)
    sys.setprofile(None)
    print(json.dumps({"content": hashlib.sha256(content).hexdigest(), "made": sorted({*made})}))


if __name__ == "__main__":
    main(sys.argv[1])

"""Who is timed: a module each, loaded in a process of its own.

Such a module has `training(case, optimizer, **options)`, which gives a function that trains for
that many epochs and returns the last one's loss, the mean over its batches; or
`prediction(case, rows, **options)`, which gives a function that predicts those rows that many
times and returns the last prediction; or both; or `product(product)`, which multiplies two
matrices. What a peer does not have raises `NotOffered`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Run = Callable[[int], Any]


class NotOffered(Exception):  # noqa: N818 — it is no error
    """The peer cannot do this; it is left out there, and the results say why."""


@dataclass(frozen=True)
class Peer:
    """A column of the tables. `threads` is a number, or None for as many as the run allows."""

    name: str
    module: str
    options: Mapping[str, Any] = field(default_factory=dict)
    threads: int | None = None
    checked: bool = True

    @property
    def family(self) -> str:
        """The name without threads: of one family, the fastest counts."""
        return self.name.partition(",")[0]


HANDGRAD = Peer("handgrad", "own", {"engine": "compiled"})
PEERS = {
    peer.name: peer
    for peer in (
        HANDGRAD,
        Peer("handgrad, 1 thread", "own", {"engine": "compiled"}, threads=1),
        Peer("handgrad eager", "own", {"engine": "eager"}),
        Peer("handgrad jax", "own", {"engine": "jax"}),
        Peer("NumPy", "plain_numpy"),
        Peer("scikit-learn", "scikit_learn", checked=False),
        Peer("PyTorch, 1 thread", "pytorch", threads=1),
        Peer("PyTorch, 2 threads", "pytorch", threads=2),
        Peer("torch.compile, 1 thread", "pytorch_compiled", threads=1),
        Peer("torch.compile, 2 threads", "pytorch_compiled", threads=2),
        Peer("JAX", "jax_scan"),
        Peer("onnxruntime", "onnx_runtime"),
        Peer("handgrad's product", "own_product"),
        Peer("OpenBLAS", "openblas"),
        Peer("fit of one net", "side_by_side", {"nets": 1}, threads=1),
        Peer("fit_many of two nets", "side_by_side", {"nets": 2}, threads=1),
    )
}

"""`python -m tests.files.checkpoint_fuzz 3000 1`: wrong checkpoints: refused, or gone on from.

Half of them get the right checksum again, as what wrote them wrong would have given them.
"""

import contextlib
import dataclasses
import json
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from safetensors.numpy import load as arrays_in
from safetensors.numpy import save

import handgrad as hg
from handgrad.engines import minibatch_loop
from handgrad.training.checkpoints import _digest, state_of
from tests.engines.test_ahead import Adagrad
from tests.files import mutations
from tests.files.mutations import joined, split
from tests.training import by_hand
from tests.training.by_hand import HELD

EPOCHS = 3
MUTATIONS = [
    mutations.flip_bytes, mutations.cut_or_add_bytes, mutations.lie_about_the_header,
    mutations.change_the_header, mutations.swap_tensors, mutations.another_type,
    mutations.other_numbers, mutations.other_metadata,
]  # fmt: skip


def training() -> Any:
    net = hg.Net(
        hg.Linear(2, 4, rng=1), hg.BatchNorm(4), hg.Dropout(0.2), hg.Linear(4, 2, rng=2),
        hg.Softmax(),
    )  # fmt: skip
    return by_hand.train(
        net, optimizer=Adagrad(0.1), epochs=EPOCHS, batch_size=8, validation=HELD, engine="eager"
    )


def seeds(folder: Path) -> list[bytes]:
    """Checkpoints of a training, at the start, within epochs and between them."""
    part, minibatch_loop.PART = minibatch_loop.PART, 2
    try:
        for _ in hg.training.checkpoints(training(), folder, seconds=0, keep=100):
            pass
    finally:
        minibatch_loop.PART = part
    return [path.read_bytes() for path in sorted(folder.glob("epoch-*"))]


def sealed(arrays: Any, about: dict[str, str]) -> bytes:
    """A checkpoint of these, with the checksum that they have."""
    return bytes(save(arrays, about | {"digest": _digest(about["state"], arrays)}))


def change_the_state(content: bytes, rng: Random) -> bytes:
    """One value or key of what is told beside the arrays changed."""
    header, data = split(content)
    told = mutations.changed(json.loads(header["__metadata__"]["state"]), rng)
    header["__metadata__"]["state"] = json.dumps(told)
    return joined(header, data, rng)


def mutated(content: bytes, rng: Random) -> bytes:
    """The file after a mutation; perhaps with the checksum that it should have then."""
    try:
        content = rng.choice([*MUTATIONS, *[change_the_state] * 4])(content, rng)
    except (ValueError, TypeError):  # no JSON came out
        content = mutations.flip_bytes(content, rng)
    if rng.random() < 0.5:
        with contextlib.suppress(Exception):  # no file of which a checksum could be made
            content = sealed(arrays_in(content), split(content)[0]["__metadata__"])
    return content


def everything(made: Any) -> Any:
    """The state of a training and of its net, to be compared with another."""
    now, values = state_of(made)
    arrays = {name: array.tobytes() for name, array in now.items()}
    return arrays, repr(values), made.net.training, repr(made.loop.so_far is None)


def check_refusal(error: hg.HandgradError) -> None:
    """The error has its three parts."""
    assert all((error.came, error.expected, error.hint))


def outcome(folder: Path, content: bytes, original: bytes) -> str:
    """'refused', with nothing changed; or 'taken', whole, and gone on from to the end."""
    for path in folder.iterdir():
        path.unlink()
    (folder / "epoch-000001-000000000.safetensors").write_bytes(content)
    made = training()
    before = everything(made)
    try:
        kept = hg.training.checkpoints(made, folder, resume=True)
    except (hg.errors.FileError, hg.errors.SettingError) as error:
        check_refusal(error)
        assert everything(made) == before
        return "refused"
    if (
        content != original
        and split(content)[0]["__metadata__"].get("digest")
        == (split(original)[0]["__metadata__"]["digest"])
    ):
        expected = training()
        (folder / "epoch-000001-000000000.safetensors").write_bytes(original)
        hg.training.checkpoints(expected, folder, resume=True)
        assert everything(made) == everything(expected)
    with contextlib.suppress(hg.errors.DivergenceError), np.errstate(all="ignore"):
        reports = [*kept]
        assert [dataclasses.asdict(report)["epoch"] for report in kept.history] == [
            *range(1, made.loop.epoch + 1)
        ]
        assert made.loop.epoch >= EPOCHS or not reports
    return "taken"


def outcomes(n: int, seed: int, folder: Path) -> Iterator[str]:
    """What became of `n` mutated checkpoints."""
    rng = Random(seed)
    (folder / "seeds").mkdir()
    (folder / "mutated").mkdir()
    files = seeds(folder / "seeds")
    for content in files:
        assert outcome(folder / "mutated", content, content) == "taken"
    for _ in range(n):
        original = rng.choice(files)
        yield outcome(folder / "mutated", mutated(original, rng), original)


def main(n: str = "3000", seed: str = "0") -> None:
    """Print what became of the files; an error ends it where a promise was broken."""
    warnings.simplefilter("ignore")
    with TemporaryDirectory() as name:
        counts = Counter(outcomes(int(n), int(seed), Path(name)))
    print(f"{n} checkpoints, seed {seed}: {', '.join(f'{v} {k}' for k, v in counts.items())}")


if __name__ == "__main__":
    main(*sys.argv[1:])

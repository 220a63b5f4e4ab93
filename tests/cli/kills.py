"""Trainings on the command line that are killed again and again, and resumed."""

import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

CODE = (
    "from handgrad.tables.estimators import fit_loop, language_model\n"
    "fit_loop.CHECKPOINT_SECONDS = language_model.CHECKPOINT_SECONDS = 0.05\n"
    "from handgrad.cli import main\n"
    "main()\n"
)


def check_killed_ten_times(folder: Path, *words: str, same: str) -> None:
    """Kill `handgrad train WORDS` ten times: it ends with the model of one that was not killed.

    Each time it has written a checkpoint before. The file `same` is the same too.
    """
    command = [sys.executable, "-c", CODE, "train", *words, "--no-report", "--resume", "--out"]
    run = partial(subprocess.Popen, cwd=folder, stdout=subprocess.DEVNULL)
    place, rng, killed = folder / ".run.unfinished" / "checkpoints", random.Random(0), 0
    while killed < 10 and not (folder / "run").exists():
        before = {*place.glob("*/epoch-*")}
        with run([*command, "run"]) as child:
            while child.poll() is None and {*place.glob("*/epoch-*")} == before:
                time.sleep(0.001)
            time.sleep(rng.uniform(0, 0.05))
            child.kill()
        killed += child.returncode == -signal.SIGKILL
    assert killed == 10
    for name in ("run", "other"):
        with run([*command, name]) as child:
            assert child.wait() == 0
    for name in ("model.safetensors", same):
        assert (folder / "run" / name).read_bytes() == (folder / "other" / name).read_bytes()

"""Random clicks and keys in a playground: it shows what `hg.learn.replay` makes of its link.

`python -m tests.browser.random_walk --seeds 10 --events 2000 --browser firefox` walks ten times;
each walk stands still every 200 events and is compared.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import handgrad as hg
from handgrad.learn.playground.document import words, write_document
from handgrad.learn.playground.replay import loss_of
from handgrad.learn.playground.state import State, state_in, state_of, value_at
from handgrad.learn.playground.toy_data import ToyRows, inputs_of, rows_of, split_of
from handgrad.textbook.errors import DataError, HandgradError
from handgrad.training import evaluate
from tests.browser.browsers import chromium, firefox
from tests.learn.playground.in_node import fragment_of

BROWSERS = {"chromium": ("chrome", chromium), "firefox": ("firefox", firefox)}
STRETCH = 200  # events between two comparisons
LONGEST = 60000  # characters of a fragment that the page puts into its address
# Where in the state stands what a control shows.
SHOWN = {
    "problem": "data.problem", "noise": "data.noise", "share": "share", "rows": "data.n",
    "batch_size": "batch_size", "classes": "data.classes", "shuffle": "shuffle",
    "formula": "data.formula", "learning_rate": "optimizer.learning_rate", "loss": "loss",
    "optimizer": "optimizer.name", "penalty": "penalty.name", "schedule": "schedule.name",
    "initializer": "initializer", "clip": "clip", "speed": "view.speed",
    "stop_epoch": "stop.epoch", "stop_loss": "stop.loss", "stop_patience": "stop.patience",
    "plane_tests": "view.test", "plane_discretize": "view.discretize",
    "gradients": "view.gradients",
}  # fmt: skip
SETTINGS = {"penalty_rate": "alpha"}
CLEAR = 0.6  # of the largest number of a map: a value beyond has a colour of its own


class Driver:
    """A browser with a page, driven by node."""

    def __init__(self, running: "subprocess.Popen[str]") -> None:
        self.running = running

    def do(self, *command: object) -> Any:
        """What the page's driver answers to a command."""
        assert self.running.stdin
        assert self.running.stdout
        self.running.stdin.write(json.dumps(command) + "\n")
        self.running.stdin.flush()
        answer = self.running.stdout.readline()
        if not answer:
            assert self.running.stderr
            raise AssertionError(f"{command}: {self.running.stderr.read()[-3000:]}")
        return json.loads(answer)


@contextmanager
def driven(browser: str, url: str, seed: int = 0) -> Iterator[Driver]:
    """A browser, by name, at an address."""
    name, found = BROWSERS[browser]
    script = Path(__file__).with_name("driver.mjs")
    command = ["node", str(script), name, found(), url, str(seed)]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, encoding="utf-8"
    ) as running:
        try:
            yield Driver(running)
        finally:
            assert running.stdin
            running.stdin.close()
            running.wait(30)


def walk(browser: str, url: str, seed: int, events: int, picture: Path) -> None:
    """Walk at random and compare after each stretch; an AssertionError says what differs.

    What is to be seen then is saved as a picture, and as JSON beside it.
    """
    with driven(browser, url, seed) as driver:
        for done in range(0, events, STRETCH):
            went = driver.do("walk", min(STRETCH, events - done))
            seen = driver.do("seen")
            try:
                check(seen)
            except (AssertionError, HandgradError) as error:
                driver.do("picture", str(picture))
                picture.with_suffix(".json").write_text(json.dumps(seen), "utf-8")
                last = "\n".join(went[-25:])
                line = traceback.extract_tb(error.__traceback__)[-1].line
                raise AssertionError(f"{browser}, seed {seed}, {done + len(went)} events: {line}: "
                                     f"{error}\nlast:\n{last}") from error  # fmt: skip


def check(seen: dict[str, Any]) -> None:
    """What the page shows is what its link says."""
    assert seen["errors"] == [], seen["errors"]
    state = state_of(seen["state"])
    assert seen["problems"] in ([], failures_of(seen)), seen["problems"]
    fragment = fragment_of(state)
    if len(fragment) <= LONGEST:
        assert state_in(seen["hash"]) == state, "the address"
    net, _ = hg.learn.replay(fragment)
    weights = np.array([np.nan if w is None else w for w in seen["weights"]], np.float32)
    np.testing.assert_array_equal(weights, net.parameters, fragment[:2000])
    rows = rows_of(state["data"])
    check_losses(seen, state, net, rows)
    check_place(seen, state, rows)
    check_controls(seen["controls"], state)
    check_labels(seen, state)
    check_maps(seen, state, rows)


def failures_of(seen: dict[str, Any]) -> list[str]:
    """Divergence message of the curves, if the training diverged."""
    failure = seen["failure"]
    if failure is None:
        return []
    layer = failure["layer"] if failure["column"] is None else failure["column"]
    text = words()[seen["state"]["language"]]["failed" if failure["layer"] is None else "failed_in"]
    return [text.format(epoch=failure["epoch"], layer=layer)]


def check_losses(seen: dict[str, Any], state: State, net: hg.Net, rows: ToyRows) -> None:
    """The losses of the frame, and those that are said."""
    x = inputs_of(rows, state["inputs"])
    y = rows.y.astype(np.int64) if rows.classes else rows.y[:, None]
    for name, part in zip(
        ("train", "test"), split_of(len(y), state["share"], state["seed"]), strict=True
    ):
        if not len(part):
            continue
        expected = evaluate(net, (x[part], y[part]), loss=loss_of(state)).loss
        shown = seen["losses"][name]
        if shown is None:  # as JSON has it where it is not finite
            assert not np.isfinite(expected), (name, expected)
            continue
        if expected == np.inf and "CrossEntropy" in state["loss"]:
            # a probability that is 0 in float32, whose logarithm the page knows from the logits
            assert shown > -np.log(np.finfo(np.float32).tiny) / len(part), name
        else:
            np.testing.assert_allclose(shown, expected, rtol=1e-3, atol=1e-6, err_msg=name)
        assert said(shown, seen["language"]) in seen["status"], (name, shown, seen["status"])


def said(value: float, language: str) -> str:
    """A number as the page says it, by three digits."""
    if value and not 1e-4 <= abs(value) < 1e6:
        return ""
    digits = np.format_float_positional(value, 3, fractional=False, trim="-")
    return digits.rstrip(".")[:3]


def check_place(seen: dict[str, Any], state: State, rows: ToyRows) -> None:
    """The step, as counter, slider and words say it."""
    train = len(split_of(len(rows.y), state["share"], state["seed"])[0])
    per_epoch = -(-train // min(state["batch_size"], train))
    epoch, batch = divmod(seen["step"], per_epoch)
    digits = "".join(c for c in seen["counter"] if c.isdigit())
    assert int(digits) == epoch, (seen["counter"], epoch)
    assert (str(batch) in seen["batch"]) if batch else True, (seen["batch"], batch)
    assert seen["slider"] in (None, str(seen["step"])), "the slider"  # none in the simple view
    status = seen["status"].replace(",", "")
    assert str(epoch) in status, (seen["status"], epoch)


def check_controls(controls: list[dict[str, Any]], state: State) -> None:
    """Every setting is lit as it is."""
    for control in controls:
        name, part = control["name"], control["part"]
        if control["isWrong"] or not control["isShown"]:
            continue
        if part:
            settings = value_at(state, part)
            key = SETTINGS.get(name, name)
            if not isinstance(settings, Mapping) or key not in settings:
                continue
            expected = settings[key]
        elif name in SHOWN:
            expected = value_at(state, SHOWN[name])
        else:
            continue
        assert is_shown(control["value"], expected), (name, control["value"], expected)


def is_shown(value: object, expected: object) -> bool:
    """Whether a control's value is one of the state's."""
    if isinstance(value, bool):
        return value is bool(expected if isinstance(expected, bool) else False)
    if isinstance(expected, list):
        return [float(part) for part in str(value).split(",")] == expected
    if isinstance(expected, int | float) and not isinstance(expected, bool):
        return value != "" and float(str(value)) == expected
    return value == expected if isinstance(expected, str) else value in ("", "none", "0")


def check_labels(seen: dict[str, Any], state: State) -> None:
    """Names stand where they belong, and each layer has its head above its column."""
    assert {name for name, _ in seen["lit"]} == set(state["inputs"])
    texts = dict(seen["lit"])
    if seen["labels"]:  # none where there is no room
        assert seen["labels"] == [texts[name] for name in state["inputs"]]
    assert seen["set"] == [state["data"]["kind"]]
    units = [int(text) for text, _ in seen["heads"]]
    places = [place for _, place in seen["heads"]]
    assert units == [layer["units"] for layer in state["layers"]]
    assert places == sorted(set(places)), "the heads of layers"
    columns = [len(state["inputs"]), *units]
    for column, count in enumerate(columns):
        assert [column, count - 1] in seen["neurons"]
        assert [column, count] not in seen["neurons"]


def check_maps(seen: dict[str, Any], state: State, rows: ToyRows) -> None:
    """The maps of the inputs are theirs, in the frame and in the picture."""
    side, plane = seen["grids"]["side"], seen["plane"]
    x = np.tile(np.array(plane["held"], np.float32), (side * side, 1))
    steps = (np.arange(side) + 0.5) / side
    (low, high), (bottom, top) = plane["ranges"]
    across, up = plane["columns"]
    x[:, up] = np.repeat(bottom + steps[::-1] * (top - bottom), side)
    x[:, across] = np.tile(low + steps * (high - low), side)
    counts = [len(values) // side**2 for values in seen["grids"]["columns"]]
    assert counts[:-1] == [len(state["inputs"]), *(n["units"] for n in state["layers"])]
    try:
        expected = inputs_of(ToyRows(x, x[:, 0], rows.names, ()), state["inputs"]).T
    except DataError:  # an input that is finite for the rows, but not on the whole plane
        return
    shown = np.array(seen["grids"]["columns"][0]).reshape(-1, side * side)
    np.testing.assert_allclose(shown, expected, rtol=1e-4, atol=1e-5)
    places = [int(share * side) for share in (0.15, 0.5, 0.85)]
    for name, grid, blue in zip(state["inputs"], expected, seen["painted"], strict=True):
        square = grid.reshape(side, side)
        around = [square[i - 1 : i + 2, j - 1 : j + 2] for i in places for j in places]
        for part, tint in zip(around, blue, strict=True):
            value = part[1, 1]
            is_alike = (part * value > 0).all()  # colours go over into one another
            if is_alike and abs(value) > CLEAR * np.abs(grid).max():
                assert tint * value > 0, (name, value, tint, state["inputs"], seen["painted"])


def main(arguments: list[str] | None = None) -> None:
    """Walk by each seed, and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--browser", choices=[*BROWSERS], default="chromium")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--events", type=int, default=2000)
    given = parser.parse_args(arguments)
    failed, pictures = 0, Path(tempfile.gettempdir())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "play.html"
        write_document(path)
        for seed in range(given.first, given.first + given.seeds):
            try:
                picture = pictures / f"random-walk-{given.browser}-{seed}.png"
                walk(given.browser, path.as_uri(), seed, given.events, picture)
                print(f"{given.browser}, seed {seed}: {given.events} events, the same", flush=True)
            except AssertionError as error:
                failed += 1
                print(f"{error}\nas in {picture}", flush=True)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()

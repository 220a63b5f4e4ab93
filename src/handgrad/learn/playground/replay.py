"""Replay of a playground's training in Python, bit-identical, from its link."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from handgrad.engines.engine import Epoch, EpochProgress
from handgrad.learn.playground.base64url import numbers_in
from handgrad.learn.playground.formulas import factors
from handgrad.learn.playground.state import LOSSES, State, classes_of, is_binary, state_in
from handgrad.learn.playground.toy_data import Draws, inputs_of, rows_of, split_of
from handgrad.textbook import layers, losses, optimizers, penalties
from handgrad.textbook.errors import DivergenceError, SettingError
from handgrad.textbook.layers import Array, Layer
from handgrad.textbook.losses import Loss
from handgrad.textbook.net import Net
from handgrad.textbook.optimizers import Optimizer
from handgrad.textbook.penalties import Penalty
from handgrad.training import EpochReport, History, evaluate, train

# Multiplications of a replay: a few hours.
MOST_WORK, OF_A_STEP = 10**13, 1000


class Replay(NamedTuple):
    """Result of `replay`: the net with the weights of the page, and its history."""

    net: Net
    history: History


def replay(link: str) -> Replay:
    """Repeat the training of a playground link in Python.

    Rows, split, initial weights, shuffling, learning rates and edits follow from the link; the net
    is trained with `engine="portable"`. Its parameters and `history["train_loss"]` are
    bit-identical to the page's on every processor. `history["validation_loss"]` is the loss of the
    page's test rows, computed by NumPy. An unfinished epoch has no report.

    Parameters
    ----------
    link : str
        Link copied from the playground, or its fragment.

    Returns
    -------
    Replay
        Named tuple of `net` and `history`.

    Raises
    ------
    SettingError
        For an invalid link, another version, or a custom net (`exact=0`).
    DivergenceError
        If loss or weights became NaN or infinite.

    Examples
    --------
    >>> import handgrad as hg
    >>> link = "play.html#v=1&data=xor&n=40&layers=4:Tanh&optimizer=Adam:learning_rate=0.1&step=60"
    >>> net, history = hg.learn.replay(link)
    >>> net.predict([[3.0, 3.0], [3.0, -3.0]]).argmax(axis=1)
    array([1, 0])
    >>> len(history), history[-1].learning_rate, bool(history[-1].train_loss < 0.1)
    (30, 0.1, True)
    """
    state = state_in(link)
    if not state["exact"]:
        raise SettingError(
            "a link without its net, a custom one: exact=0",
            "a link to a net built with the page's controls",
            "page.net, for the net with its weights",
        )
    replaying = _Replaying(state)
    most = MOST_WORK // (replaying.size * len(replaying.net.parameters) + OF_A_STEP)
    if (step := state["at"]["step"]) > most:
        raise SettingError(
            f"a link to step {step:,}",
            f"at most step {most:,} for a net of this size, which takes hours",
            "go back in the page and copy the link there",
        )
    return replaying.to_its_step()


def net_of(state: State) -> Net:
    """The net of a state, with its initial weights."""
    draws, made, width = Draws(state["seed"], 1), list[Layer](), len(state["inputs"])

    def linear(units: int) -> Layer:
        return layers.Linear(width, units, initializer=state["initializer"], rng=draws)

    for layer_state in state["layers"]:
        learned = [linear(layer_state["units"])]
        width = layer_state["units"]
        if name := layer_state["normalization"]:
            learned.append(getattr(layers, name)(width))
        for layer in learned:
            layer.trainable = not layer_state["frozen"]
        made += learned
        if name := layer_state["activation"]:
            made.append(getattr(layers, name)())
        if layer_state["dropout"]:
            made.append(layers.Dropout(layer_state["dropout"]))
    made.append(linear(1 if is_binary(state["loss"]) else max(1, classes_of(state))))
    if last := LOSSES[state["loss"]].get("last"):
        made.append(getattr(layers, last)())
    return Net(*made)


class _Replaying:
    """The training of a page, repeated batch by batch."""

    def __init__(self, state: State) -> None:
        self.state, self.net, self.loss = state, net_of(state), loss_of(state)
        rows = rows_of(state["data"])
        x, y = inputs_of(rows, state["inputs"]), rows.y
        y = y.astype(np.int64) if rows.classes else y[:, None]
        self.train_rows, test_rows = split_of(len(y), state["share"], state["seed"])
        self.validation = x[test_rows], y[test_rows]
        self.n, self.order = len(self.train_rows), np.arange(len(self.train_rows))
        self.size = min(state["batch_size"], self.n)
        self.per_epoch = -(-self.n // self.size)
        # All rows, since the training rows may be of one class, which `train` refuses; in full
        # batches, since the last batch of all rows has another size than theirs.
        full = np.resize(np.arange(len(y)), -(-len(y) // self.size) * self.size)
        self.training = train(
            self.net,
            (x[full], y[full]),
            loss=self.loss,
            optimizer=optimizer_of(state),
            penalty=penalty_of(state),
            epochs=1,
            batch_size=self.size,
            rng=state["seed"],
            metrics=[],
            engine="portable",
        )
        self.history = History()

    def to_its_step(self) -> Replay:
        end = self.state["at"]["step"]
        for first in range(0, end, self.per_epoch):
            self._epoch(first, min(first + self.per_epoch, end))
        self._set_weights(end)
        return Replay(self.net, self.history)

    def _epoch(self, first: int, end: int) -> None:
        """Run the steps from `first` to `end` of an epoch, split where weights were set."""
        if self.state["shuffle"]:
            self.training.generator.shuffle(self.order)
        rates, so_far = self._rates(np.arange(first, end)), EpochProgress()
        for begin, stop in self._calm(first, end):
            self._set_weights(begin)
            order = self.order[self._row(begin - first) : self._row(stop - first)]
            rows = self.train_rows[order]
            done = self.training.engine.run_rows(rows, rates[begin - first : stop - first], so_far)
            if isinstance(done, Epoch):
                raise self._diverged(begin + (done.diverged_at or 1), float(rates[begin - first]))
            so_far = EpochProgress(done.rows, done.total)
        if end - first == self.per_epoch:
            self._report(end // self.per_epoch, so_far.total / self.n, float(rates[-1]))

    def _row(self, step: int) -> int:
        return min(step * self.size, self.n)

    def _calm(self, first: int, end: int) -> Iterator[tuple[int, int]]:
        inside = {e["step"] for e in self.state["events"] if "weights" in e}
        breaks = [first, *sorted(step for step in inside if first < step < end), end]
        yield from pairwise(breaks)

    def _set_weights(self, step: int) -> None:
        for event in self.state["events"]:
            if event["step"] == step and "weights" in event:
                weights = numbers_in(event["weights"])
                if len(weights) != len(self.net.parameters):
                    raise SettingError(
                        f"{len(weights)} weights set at step {step}",
                        f"{len(self.net.parameters)}, the number of weights of the net",
                        "copy the link again in the playground",
                    )
                self.net.parameters[...] = weights

    def _rates(self, steps: Array) -> Array:
        """Learning rate of each step: the last one set, times the schedule's factor."""
        rates = np.full(len(steps), _number(self.state["optimizer"]["learning_rate"]))
        for event in self.state["events"]:
            if "set" in event:
                rates[steps >= event["step"]] = event["set"]["learning_rate"]
        return np.asarray(rates * factors(self.state["schedule"], steps, self.per_epoch))

    def _report(self, epoch: int, loss: float, rate: float) -> None:
        held = evaluate(self.net, self.validation, loss=self.loss)
        report = EpochReport(
            epoch,
            loss,
            validation_loss=held.loss,
            validation_metrics=held.metrics,
            learning_rate=rate,
            rows=self.n,
        )
        self.history.reports.append(report)

    def _diverged(self, step: int, rate: float) -> DivergenceError:
        return DivergenceError(
            f"a loss that is not finite at step {step}, at learning rate {rate:g}",
            "a link to an earlier step",
            "go back in the page and copy the link there",
        )


def loss_of(state: State) -> Loss:
    """The loss of a state."""
    made: Loss = getattr(losses, state["loss"])()
    return made


def optimizer_of(state: State) -> Optimizer:
    """The optimizer of a state, with its clipping."""
    settings: dict[str, Any] = {**state["optimizer"]}
    if "betas" in settings:
        settings["betas"] = (*settings["betas"],)
    made: Optimizer = getattr(optimizers, settings.pop("name"))(**settings, clip_norm=state["clip"])
    return made


def penalty_of(state: State) -> Penalty | None:
    """The penalty of a state; None if its alpha is 0."""
    settings: dict[str, Any] = {**(state["penalty"] or {"alpha": 0})}
    if not settings["alpha"]:
        return None
    made: Penalty = getattr(penalties, settings.pop("name"))(**settings)
    return made


def _number(value: object) -> float:
    return float(str(value))

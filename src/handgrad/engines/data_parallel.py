"""Data-parallel training: splits each batch into shards, whose gradients are summed exactly."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import cached_property
from itertools import islice
from math import isfinite
from time import perf_counter

import numpy as np

from handgrad.engines.config import TrainingConfig
from handgrad.engines.engine import Engine, EngineRows, Epoch, EpochProgress
from handgrad.engines.loops.random_streams import WORDS, set_stream, words_of
from handgrad.engines.minibatch_loop import PART, MinibatchEngine
from handgrad.engines.sharding import bits
from handgrad.engines.streams import BATCH
from handgrad.textbook.layers import Array
from handgrad.textbook.net.minibatches import Inputs, batches, number_of_rows, take
from handgrad.textbook.penalties import Penalty

SECONDS = 2.0  # an epoch can be interrupted about as often, or after PART batches


class ShardedEngine(MinibatchEngine):
    """Trains by another engine, which computes the gradients of each shard's slice of a batch.

    The gradient is Σ_v (w_v / w) g_v, that of the whole batch; w_v is the weight of the rows of
    shard v. Random layers have a stream for each shard; running state is averaged over the shards.
    With `sync_every` k > 1 each shard takes k local steps from the same weights, on its slices of k
    batches; then weights, running state and optimizer state are averaged.

    Parameters
    ----------
    config : TrainingConfig
        Net, loss, optimizer and settings.
    rows : EngineRows
        Training rows.
    held_out : Sequence of inputs
        Predicted after each epoch.
    engine_for : callable
        Creates the engine of the shards.
    """

    def __init__(
        self,
        config: TrainingConfig,
        rows: EngineRows,
        held_out: Sequence[Inputs],
        engine_for: Callable[[TrainingConfig, EngineRows], Engine],
    ) -> None:
        super().__init__(config, rows, config.batch_size)
        self.sharding, self.held_out, self.penalty = config.sharding, held_out, config.penalty
        sharding = config.sharding
        own_penalty = config.penalty if sharding.sync_every > 1 else None
        batch_size = -(-config.batch_size // sharding.shards)
        self.engine = engine_for(replace(config, batch_size=batch_size, penalty=own_penalty), rows)
        self.name, self.x, self.y = self.engine.name, self.engine.x, self.engine.y
        self.optimizer_state, self.step = self.engine.optimizer_state, self.engine.step
        layers = [layer for _, layer in self.net.walk() if "rng" in vars(layer)]
        spawned = [layer.rng.spawn(sharding.shards) for layer in layers]
        self.layers = layers
        self.streams_of = [[each[v] for each in spawned] for v in range(sharding.shards)]
        self.shard_streams = [stream for shard in self.streams_of for stream in shard]
        self.at_once, self.seconds_a_batch = 1, 0.0

    def at_work(self) -> nullcontext[None]:
        return nullcontext()

    def apply(self, learning_rate: float) -> None:
        self.engine.apply(learning_rate)

    def environment(self) -> dict[str, str]:
        return self.engine.environment()

    def predict_held_out(self) -> tuple[Array, ...]:
        return tuple(self._predicted(x) for x in self.held_out)

    def batch_gradients(self, rows: Array) -> tuple[float, Array]:
        net, slices = self.net, np.array_split(rows, self.sharding.shards)
        places = np.array_split(np.arange(len(rows)), self.sharding.shards)
        counted, taking_part = self.counted(rows), sum(len(part) > 0 for part in slices)
        parameters, state = net.parameters.size, net.running_state.copy()
        parts = np.zeros((len(self.sharding.own), parameters + state.size + 1), net.dtype)
        predictions: dict[int, Array] = {}
        for v, one in zip(self.sharding.own, parts, strict=True):
            if len(part := slices[v]):
                net.running_state[...] = state
                with self._streams_of(v):
                    loss, predictions[v] = self.engine.gradients(part)
                share = self.counted(part) / counted
                one[:parameters], one[-1] = net.gradients, loss
                one[:parameters] *= share if isfinite(loss) else np.nan
                one[-1] *= share
                one[parameters:-1] = net.running_state / taking_part
        total = self.sharding.total(parts)
        net.gradients[...] = total[:parameters]
        net.running_state[...] = total[parameters:-1]
        loss = float(total[-1])
        if self.penalty is not None:
            loss += self._add_penalty(self.penalty, self.weight_of(rows))
        return loss, self._in_place(places, predictions)

    def run_part(
        self, order: Array, learning_rates: list[float], so_far: EpochProgress
    ) -> Epoch | None:
        begun, rows = perf_counter(), so_far.rows
        diverged = self._run_part(order, learning_rates, so_far)
        done = -(-(so_far.rows - rows) // self.batch_size)
        self.seconds_a_batch = (perf_counter() - begun) / max(1, done)
        return diverged

    def batches_at_once(self) -> int:
        return min(PART, self.at_once)

    def _run_part(
        self, order: Array, learning_rates: list[float], so_far: EpochProgress
    ) -> Epoch | None:
        k = self.sharding.sync_every
        if k == 1:
            return super().run_part(order, learning_rates, so_far)
        spans = batches(len(order), k * self.batch_size, so_far.rows)
        for span in islice(spans, -(-self.batches_at_once() // k)):
            first = span.start // self.batch_size
            rates = np.array(learning_rates[first : first + k])
            total, p = self._local_steps(order[span], rates)
            if not isfinite(total):
                return Epoch(total, p, diverged_at=first + 1)
            so_far.total += total
            so_far.predictions.append(p)
            so_far.rows = span.stop
        return None

    def complete(self, predictions: list[Array]) -> None:
        if predictions:
            predictions[:] = [p := np.concatenate(predictions)]
            self.sharding.exchange.add(bits(p))
        message = np.zeros(self.sharding.shards * len(self.layers) * WORDS + 1, np.uint64)
        words = message[:-1].reshape(self.sharding.shards, len(self.layers), WORDS)
        if self.sharding.exchange.rank == 0:
            message[-1] = min(PART, max(1, int(SECONDS / max(self.seconds_a_batch, 1e-6))))
        for v in self.sharding.own:
            for place, stream in zip(words[v], self.streams_of[v], strict=True):
                place[:] = words_of(stream)
        self.sharding.exchange.add(message)
        self.at_once = int(message[-1])
        for stream, place in zip(self.shard_streams, words.reshape(-1, WORDS), strict=True):
            set_stream(stream, place)

    def _local_steps(self, rows: Array, rates: Array) -> tuple[float, Array]:
        """Take local steps on each shard, then average; returns the total loss and predictions."""
        net, n, shards = self.net, len(rows), self.sharding.shards
        cut = [np.array_split(np.arange(n)[b], shards) for b in batches(n, self.batch_size)]
        slices = [np.concatenate(parts) for parts in zip(*cut, strict=True)]
        taking_part = sum(len(part) > 0 for part in slices)
        kept = (net.parameters, net.running_state, *self.optimizer_state)
        before, step = np.concatenate(kept), self.step[0]
        parts = np.zeros((len(self.sharding.own), before.size), net.dtype)
        losses = np.zeros((len(self.sharding.own), 1))
        predictions: dict[int, Array] = {}
        for v, one, loss in zip(self.sharding.own, parts, losses, strict=True):
            if not len(slices[v]):
                continue
            for array, value in zip(kept, _in_turn(before, kept), strict=True):
                array[...] = value
            self.step[0] = step
            with self._streams_of(v):
                result = self.engine.run_rows(rows[slices[v]], rates, EpochProgress())
            if isinstance(result, Epoch):
                loss[0] = np.nan
                continue
            loss[0], predictions[v] = result.total, result.predictions[0].copy()
            for array, place in zip(kept, _in_turn(one, kept), strict=True):
                np.divide(array, taking_part, out=place)
        total = float(self.sharding.total(losses)[0])
        for array, value in zip(kept, _in_turn(self.sharding.total(parts), kept), strict=True):
            array[...] = value
        self.step[0] = step + len(rates)
        return total, self._in_place(slices, predictions)

    def _in_place(self, slices: Sequence[Array], predictions: Mapping[int, Array]) -> Array:
        """The predictions of this worker's shards at their rows, and zeros for the others."""
        p = np.zeros((sum(map(len, slices)), *self.row_shape), self.net.dtype)
        for v, part in predictions.items():
            p[slices[v][: len(part)]] = part
        return p

    @cached_property
    def row_shape(self) -> tuple[int, ...]:
        """The shape of a row's prediction."""
        shape: tuple[int, ...] = self.net.predict(take(self.x, slice(0, 1))).shape[1:]
        return shape

    def _predicted(self, x: Inputs) -> Array:
        """Predict rows: each worker predicts some whole batches."""
        n = number_of_rows(x)
        p = np.zeros((n, *self.row_shape), self.net.dtype)
        if share := self.sharding.share(n, BATCH):
            own = slice(share.start, share.stop)
            with np.errstate(all="ignore"):
                p[own] = self.net.predict(take(x, own), engine=self.name)
        self.sharding.exchange.add(bits(p))
        return p

    def _add_penalty(self, penalty: Penalty, n: float) -> float:
        """Add the penalty's gradient to that of the batch; returns its value."""
        net, start, cost = self.net, 0, 0.0
        trainable = net.trainable_slices()
        for W in net.named_parameters().values():
            where, start = slice(start, start + W.size), start + W.size
            if W.ndim > 1 and any(s.start <= where.start < s.stop for s in trainable):
                net.gradients[where] += penalty.gradient(W, n).ravel()
                cost += float(penalty.value(W, n))
        return cost

    @contextmanager
    def _streams_of(self, shard: int) -> Iterator[None]:
        """Context manager: the layers draw from the streams of a shard."""
        own = [layer.rng for layer in self.layers]
        try:
            self._draw_from(self.streams_of[shard])
            yield
        finally:
            self._draw_from(own)

    def _draw_from(self, streams: Sequence[np.random.Generator]) -> None:
        for layer, stream in zip(self.layers, streams, strict=True):
            vars(layer)["rng"] = stream  # not a setting: compiled predictors stay valid


def _in_turn(values: Array, arrays: Sequence[Array]) -> list[Array]:
    """Split a flat array into views of the sizes of `arrays`."""
    return np.split(values, np.cumsum([array.size for array in arrays])[:-1])

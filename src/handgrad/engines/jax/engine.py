"""JAX engine: many mini-batches in one scan, compiled by XLA for JAX's device."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import partial

import jax
import numpy as np
from jax import lax

from handgrad.engines.config import TrainingConfig
from handgrad.engines.cost_model import work_of
from handgrad.engines.engine import EngineRows, Epoch, EpochProgress
from handgrad.engines.environment import versions
from handgrad.engines.fingerprint import TRACES
from handgrad.engines.jax.operations import device, precision_of, to_device
from handgrad.engines.jax.predictor import Prediction
from handgrad.engines.jax.step import Gradients, JaxUpdate, Memory, NamedArrays, Numbers, norm_of
from handgrad.engines.loops.value_ranges import check_indices
from handgrad.engines.minibatch_loop import MinibatchEngine
from handgrad.textbook.layers import Array
from handgrad.textbook.net.minibatches import Inputs, form_of, named_parts
from handgrad.textbook.net.shared_rows import SharedRows
from handgrad.textbook.optimizers.optimizer import parameter_groups

# Limits of one scan, after which an epoch can be interrupted: multiplications and bytes of draws. A
# step counts as so many additional multiplications.
MULTIPLICATIONS, OF_A_STEP, BYTES_DRAWN = 5e10, 1e5, 2**26

Flat = tuple[jax.Array, ...]  # parameters, running state, the optimizer's states
Carry = tuple[NamedArrays, NamedArrays, Memory]
Rows = Mapping[str, jax.Array]
Losses = tuple[jax.Array, jax.Array]  # and predictions
# The row indices of a mini-batch, the scalars of each update, and the draws.
StepInputs = tuple[jax.Array, tuple[Numbers, ...], tuple[Array, ...]]


class JaxPlan:
    """Compiled functions of trainings of one form; JAX compiles them for each batch size."""

    def __init__(self, config: TrainingConfig, rows: EngineRows, *, predicts: bool) -> None:
        net, optimizer = config.net, config.optimizer
        step = self.step = Gradients(config, rows)
        self.parameters, self.state, self.dtype = step.parameters, step.state, net.dtype
        groups = [] if optimizer.minimizer else parameter_groups(net, optimizer)
        self.updates = [JaxUpdate(group, step.parameters, net.dtype) for group in groups]
        self.clips = optimizer.clip_norm is not None
        self.prediction = Prediction(net, rows.x) if predicts else None
        self.multiplications = work_of(net, rows.x).multiplications
        self.epoch = jax.jit(self._epoch, donate_argnums=0)
        self.gradients, self.update = jax.jit(self._gradients), jax.jit(self._update)

    def numbers(self, learning_rates: Array, steps: Array) -> tuple[Numbers, ...]:
        """The scalars of each update at each of the steps."""
        return tuple(update.numbers(learning_rates, steps) for update in self.updates)

    def _epoch(self, flat: Flat, rows: Rows, inputs: StepInputs) -> tuple[Flat, Losses]:
        """Scan over steps, which are the first axes of `inputs`."""
        w, state, *memory = flat
        split = self.parameters.split
        carry = split(w), self.state.split(state), tuple(map(split, memory))
        (w_after, state_after, memory_after), losses = lax.scan(
            partial(self._step, rows), carry, inputs
        )
        memories = map(self._joined, memory_after)
        return (self._joined(w_after), self._state(state_after), *memories), losses

    def _step(self, rows: Rows, carry: Carry, inputs: StepInputs) -> tuple[Carry, Losses]:
        (w, state, memory), (batch, numbers, draws) = carry, inputs
        loss, p, dw, state = self._of_batch(w, state, rows, batch, draws)
        w, memory = self._updated(w, dw, memory, numbers)
        return (w, state, memory), (loss, p)

    def _gradients(
        self, flat: Flat, rows: Rows, batch: jax.Array, draws: tuple[Array, ...]
    ) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
        """A mini-batch's loss and predictions; its gradients and running state as flat arrays."""
        w, state = self.parameters.split(flat[0]), self.state.split(flat[1])
        loss, p, dw, state = self._of_batch(w, state, rows, batch, draws)
        return loss, p, self._joined(dw), self._state(state)

    def _of_batch(
        self,
        w: NamedArrays,
        state: NamedArrays,
        rows: Rows,
        batch: jax.Array,
        draws: tuple[Array, ...],
    ) -> tuple[jax.Array, jax.Array, NamedArrays, NamedArrays]:
        inputs = {name: _taken(part, batch) for name, part in rows.items() if name != "members"}
        if "members" in rows:
            members = _taken(rows["members"], batch)
            inputs |= {name: _taken(rows[name], members) for name in ("x", "y")}
        return self.step(w, state, len(batch), draws, **inputs)

    def _update(self, dw: jax.Array, flat: Flat, numbers: tuple[Numbers, ...]) -> Flat:
        """The parameters and the optimizer's states after a step with these gradients."""
        w, *memory = map(self.parameters.split, flat)
        w, memory_after = self._updated(w, self.parameters.split(dw), tuple(memory), numbers)
        return (self._joined(w), *map(self._joined, memory_after))

    def _updated(
        self, w: NamedArrays, dw: NamedArrays, memory: Memory, numbers: tuple[Numbers, ...]
    ) -> tuple[NamedArrays, Memory]:
        norm = norm_of(dw if self.clips else {}, self.updates if self.clips else (), self.dtype)
        for update, own in zip(self.updates, numbers, strict=True):
            w, memory = update(w, dw, memory, own, norm)
        return w, memory

    def _joined(self, parts: NamedArrays) -> jax.Array:
        return self.parameters.joined(parts, self.dtype)

    def _state(self, parts: NamedArrays) -> jax.Array:
        return self.state.joined(parts, self.dtype)


class JaxEngine(MinibatchEngine):
    """Trains a net in place, by JAX.

    Rows are copied to the device once, held-out ones too. Weights, running state and the
    optimizer's states are copied there and back for each scan, so the net's arrays are current at
    each report. Random numbers are drawn on the host from the layers' own streams, as in any
    engine. The halves of a step are compiled separately and agree with the scan to rounding.

    Parameters
    ----------
    config : TrainingConfig
        Net, loss, optimizer, penalty and batch size; the engine keeps the optimizer's state.
    rows : EngineRows
        The training samples.
    held_out : sequence of arrays or tuples of arrays
        Inputs to predict after each epoch.
    """

    name = "jax"

    def __init__(
        self, config: TrainingConfig, rows: EngineRows, held_out: Sequence[Inputs] = ()
    ) -> None:
        rows = rows if rows.of_members else rows.in_arrays()
        super().__init__(config, rows, config.batch_size)
        x, y, w = rows.x, rows.y, rows.w
        self.plan = TRACES.get_or_make(
            lambda _: JaxPlan(config, rows, predicts=bool(held_out)),
            (config.net, config.loss, config.optimizer, config.penalty),
            self.name,
            str(config.net.trainable_slices()),
            *(None if part is None else form_of(part) for part in (x, y, w)),
            bool(held_out),
            rows.of_members,
        )
        self.layers = dict(self.net.walk())
        paths = {node.arguments[0] for node in self.plan.step.draws}
        self.drawing = [self.layers[path] for path in paths]
        named = [named_parts("x", x) for x in held_out]
        for name, part in (pair for one in named for pair in one.items()):
            check_indices(np.asarray(part), name, self.plan.step.bounds)
        with precision_of(self.net.dtype):
            self.held_out = [
                {name: to_device(np.asarray(part)) for name, part in one.items()} for one in named
            ]
        self.rows = self._rows_on_device()

    def _rows_on_device(self) -> Rows:
        """Check the indices of the current rows and copy them to the device."""
        arrays = {} if self.w is None else {"sample_weight": self.w}
        for name, part in {**named_parts("x", self.x), "y": self.y}.items():
            bounds, values = self.plan.step.bounds.get(name, ()), part
            if isinstance(part, SharedRows):
                values, arrays["members"] = part.values, part.members
                bounds = [bound.of_member(values[0].size) for bound in bounds]
            check_indices(values, name, {name: bounds})
            arrays[name] = values
        with precision_of(self.net.dtype):
            return {name: to_device(part) for name, part in arrays.items()}

    def at_work(self) -> nullcontext[None]:
        return nullcontext()

    def batches_at_once(self) -> int:
        """The batches of one scan: about a second's work, limited by the memory of their draws.

        The number depends on the sizes alone.
        """
        work = 3 * self.batch_size * self.plan.multiplications + OF_A_STEP
        drawn = self.plan.step.bytes_drawn(self.batch_size)
        return max(1, int(min(MULTIPLICATIONS / work, BYTES_DRAWN / max(drawn, 1))))

    def batch_gradients(self, rows: Array) -> tuple[float, Array]:
        net, n = self.net, len(rows)
        draws = (numbers[0] for numbers in self.plan.step.drawn(self.layers, 1, n))
        with precision_of(net.dtype):
            flat = to_device(net.parameters), to_device(net.running_state)
            loss, p, dw, state = self.plan.gradients(flat, self.rows, to_device(rows), (*draws,))
            net.gradients[...], net.running_state[...] = dw, state
            return float(loss), np.array(p)

    def apply(self, learning_rate: float) -> None:
        self.step += 1
        numbers = self.plan.numbers(np.array(learning_rate, float), self.step[0])
        with precision_of(self.net.dtype):
            flat = tuple(map(to_device, (self.net.parameters, *self.optimizer_state)))
            self._fill(*self.plan.update(to_device(self.net.gradients), flat, numbers))

    def _fill(self, w: jax.Array, *memory: jax.Array) -> None:
        self.net.parameters[...] = w
        for own, new in zip(self.optimizer_state, memory, strict=True):
            own[...] = new

    def predict_held_out(self) -> tuple[Array, ...]:
        prediction = self.plan.prediction
        return tuple(prediction(self.net, x) for x in self.held_out) if prediction else ()

    def run_rows(
        self, order: Array, learning_rates: Array, so_far: EpochProgress
    ) -> Epoch | EpochProgress:
        self.rows = self._rows_on_device()  # their content is new
        return super().run_rows(order, learning_rates, so_far)

    def run_batches(
        self, order: Array, learning_rates: list[float], so_far: EpochProgress
    ) -> Epoch | None:
        size, left = self.batch_size, len(order) - so_far.rows
        steps = min(left // size, self.batches_at_once())
        spans = [(steps, size)] * (steps > 0)
        if rest := left - steps * size if left < (steps + 1) * size else 0:
            spans.append((1, rest))
        for steps, n in spans:
            done = so_far.rows // size
            rows = order[so_far.rows : so_far.rows + steps * n].reshape(steps, n)
            losses, p = self._scan(rows, np.array(learning_rates[done : done + steps]))
            if not np.isfinite(losses[-1]):
                return Epoch(float(losses[-1]), p[-1], diverged_at=done + len(losses))
            so_far.total += float(losses @ [self.counted(batch) for batch in rows])
            so_far.predictions.append(p.reshape(-1, *p.shape[2:]))
            so_far.rows += rows.size
        return None

    def _scan(self, rows: Array, learning_rates: Array) -> tuple[Array, Array]:
        """Train on batches of one size, by row indices (steps, n); returns losses and predictions.

        They end with the first loss that is not finite; the net has the weights before that step.
        """
        net, plan, n_steps = self.net, self.plan, len(rows)
        streams = [
            (layer.rng.bit_generator, layer.rng.bit_generator.state) for layer in self.drawing
        ]
        draws = plan.step.drawn(self.layers, n_steps, rows.shape[1])
        numbers = plan.numbers(learning_rates, self.step + np.arange(1, n_steps + 1))
        with precision_of(net.dtype):
            flat = (net.parameters, net.running_state, *self.optimizer_state)
            inputs = to_device(rows), numbers, draws
            (w, state, *memory), (losses, p) = plan.epoch(
                tuple(map(to_device, flat)), self.rows, inputs
            )
            totals, predictions = np.array(losses, float), np.array(p)
        diverged = np.flatnonzero(~np.isfinite(totals))
        if not len(diverged):
            self._fill(w, *memory)
            net.running_state[...] = state
            self.step += n_steps
            return totals, predictions
        for stream, before in streams:
            stream.state = before
        if (good := diverged[0]) > 0:
            self._scan(rows[:good], learning_rates[:good])
        plan.step.drawn(self.layers, 1, rows.shape[1])
        return totals[: good + 1], predictions[: good + 1]

    def environment(self) -> dict[str, str]:
        return {**versions(["jax", "jaxlib"]), "device of JAX": device()}


def _taken(part: jax.Array, rows: jax.Array) -> jax.Array:
    """Take rows by indices that are in range."""
    return part.at[rows].get(mode="promise_in_bounds")

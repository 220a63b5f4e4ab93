"""Base class of optimizers: learning rate, clipping, weight decay, parameter groups, steps."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Protocol, TypedDict

import numpy as np

from handgrad.textbook.aliases import ON_OPTIMIZERS
from handgrad.textbook.errors import (
    HandgradError,
    SettingError,
    described,
    did_you_mean,
    not_negative,
    positive,
)
from handgrad.textbook.module import Array, Module, twin_of
from handgrad.textbook.optimizers.minimizer import Minimizer


class Trainable(Protocol):
    """Interface of a net for optimizers: all parameters in one flat array."""

    @property
    def parameters(self) -> Array: ...

    @property
    def gradients(self) -> Array: ...

    def named_parameters(self) -> dict[str, Array]: ...

    def trainable_slices(self) -> list[slice]: ...

    def gather_gradients(self) -> None: ...


class Group(TypedDict, total=False):
    """Settings of a group of parameters."""

    learning_rate_factor: float
    weight_decay: float


class Settings(TypedDict, total=False):
    """Settings of every optimizer, beside its own."""

    weight_decay: float
    clip_norm: float | None
    clip_value: float | None
    groups: Mapping[str, Group] | None


class Optimizer(Module):
    """Base class of all optimizers: `rule` computes the new weights from the old and the gradient.

    A rule is elementwise: `w` and `dw` are flat arrays of all parameters of a net. With
    `elementwise = False` it gets one parameter at a time, each in its own shape. `state_names`
    names its state, arrays like `w` that start as zeros; the rule takes them after `dw` and returns
    them after the new `w`. `learning_rate` and `step` (1, 2, …) are arguments, so that one trace of
    the rule holds for every step. `predicts_with` may name a state, averaged weights, that the net
    gets after each epoch of `hg.train`.

    `hg.train` and `hg.fit` take the steps; in a loop of your own, `step` does.

    Parameters
    ----------
    learning_rate : float
        Factor of the steps.
    weight_decay : float, default 0
        Adds weight_decay · w to the gradient, that of weight_decay/2 · Σ w²; with `decoupled`
        it shrinks w instead. It is applied after clipping.
    clip_norm : float, optional
        Largest norm of the gradient of all parameters together; longer ones are scaled to it.
    clip_value : float, optional
        Largest absolute value of each entry of the gradient, applied after `clip_norm`.
    groups : dict, optional
        Weight decay and factor of the learning rate by patterns of parameter paths; later
        patterns win: `{"*.b": {"weight_decay": 0.0}, "0.*": {"learning_rate_factor": 0.1}}`.
    """

    names_elsewhere = ON_OPTIMIZERS
    rule: Callable[..., Any]
    elementwise = True
    predicts_with: str | None = None
    decoupled = False
    weight_decay = 0.0
    clip_norm: float | None = None
    clip_value: float | None = None
    groups: Mapping[str, Group] = {}
    _memory: OptimizerState | None = None

    def __init__(
        self,
        learning_rate: float,
        *,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        groups: Mapping[str, Group] | None = None,
    ) -> None:
        positive("learning_rate", learning_rate)
        not_negative("weight_decay", weight_decay)
        for name, value in (("clip_norm", clip_norm), ("clip_value", clip_value)):
            if value is not None:
                positive(name, value)
        _check_groups(groups or {})
        self.learning_rate, self.weight_decay = float(learning_rate), float(weight_decay)
        self.clip_norm, self.clip_value = clip_norm, clip_value
        self.groups = {pattern: {**group} for pattern, group in (groups or {}).items()}

    @property
    def minimizer(self) -> Minimizer | None:
        """The minimizer of an optimizer without steps on batches, else None."""
        return None

    def update(
        self,
        w: Array,
        dw: Array,
        *state: Array,
        learning_rate: float,
        step: int,
        dw_norm: float | None = None,
    ) -> tuple[Array, ...]:
        """Return the new weights and the new state: clipping, weight decay, then the rule.

        Parameters
        ----------
        w : array, (n,), or a parameter's shape
            Some of the parameters, or one.
        dw : array of the shape of w
            Their gradient.
        *state : arrays of the shape of w
            The arrays of `state_names`.
        learning_rate : float
            Learning rate of this step.
        step : int
            Number of the step, from 1.
        dw_norm : float, optional
            Norm of the gradients of all parameters, for `clip_norm`.
        """
        if self.clip_norm is not None and dw_norm is not None:
            dw = np.minimum(1, self.clip_norm / (dw_norm + 1e-6)) * dw
        if self.clip_value is not None:
            dw = np.clip(dw, -self.clip_value, self.clip_value)
        if self.weight_decay and self.decoupled:
            w = w - learning_rate * self.weight_decay * w
        elif self.weight_decay:
            dw = dw + self.weight_decay * w
        try:
            new = self.rule(w, dw, *state, learning_rate=learning_rate, step=step)
        except HandgradError:
            raise
        except ValueError as error:
            raise SettingError(
                f"its rule, given w and dw of shape {w.shape}: {error}",
                "an elementwise rule, for flat arrays of any length"
                if self.elementwise
                else "a rule for a parameter of any shape",
                "elementwise = False in its class, for a rule that needs each parameter's shape"
                if self.elementwise
                else "a case for vectors, w.ndim == 1, beside that for matrices",
                repr(self),
            ) from error
        return new if isinstance(new, tuple) else (new,)

    def step(self, net: Trainable | None = None) -> None:
        """Take a step in a training loop of your own, by the gradients of the last `net.backward`.

        The optimizer stores the state of its rule and the number of steps, also in copies and
        pickles, and belongs to this net from then on. `learning_rate` is read at each step, so
        that a schedule may set it. `hg.train` counts steps by itself and takes the same ones.

        Parameters
        ----------
        net : Net
            Changed in place.

        Examples
        --------
        >>> import handgrad as hg
        >>> net, loss = hg.Net(hg.Linear(1, 1, initializer="zeros")), hg.MSELoss()
        >>> optimizer = hg.SGD(0.1, momentum=0.9)
        >>> for x, y in [([[1.0]], [[2.0]]), ([[2.0]], [[4.0]])]:
        ...     value = loss.forward(net.forward(x), np.array(y))
        ...     dx = net.backward(loss.backward())
        ...     optimizer.step(net)
        >>> net.parameters.round(2)                        # 0.4 + 0.1 (0.9 · 4 + 2 · 5.6), …
        array([1.88, 1.32], dtype=float32)
        """
        if net is None or not hasattr(net, "gather_gradients"):
            raise SettingError(
                f"step was {'called without a net' if net is None else f'given {described(net)}'}",
                "a net after its backward",
                "optimizer.step(net), with net = hg.Net(…)",
            )
        not_negative("learning_rate", self.learning_rate)
        memory = self._memory = self._memory or OptimizerState(net, self)
        memory.check(net, self)
        groups = parameter_groups(net, self)
        net.gather_gradients()
        take_step(net, self, groups, memory.state, memory.steps + 1, float(self.learning_rate))
        memory.steps += 1

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_memory": copy.copy(self._memory)}


def _check_groups(groups: object) -> None:
    if not isinstance(groups, Mapping):
        raise SettingError(
            f"groups = {described(groups)}",
            "a dict from patterns of parameter paths to settings",
            'groups={"*.b": {"weight_decay": 0.0}}',
        )
    for pattern, group in groups.items():
        where, names = f"groups[{pattern!r}]", [*Group.__annotations__]
        if not isinstance(group, Mapping):
            raise SettingError(
                f"{where} = {described(group)}",
                f"a dict with {' or '.join(names)}",
                '{"weight_decay": 0.0}',
            )
        for name, value in group.items():
            if name not in names:
                raise SettingError(
                    f"{where} has {name!r}",
                    f"one of {', '.join(names)}",
                    did_you_mean(name, names, "other settings as arguments of the optimizer"),
                )
            not_negative(f"{where}[{name!r}]", value)


@dataclass(frozen=True)
class ParameterGroup:
    """Slices of the parameters with one optimizer and one factor of its learning rate.

    An elementwise rule takes each slice flat; another one takes the only slice in its `shape`.
    """

    optimizer: Optimizer
    factor: float
    slices: list[slice] = field(default_factory=list)
    shape: tuple[int, ...] = (-1,)

    @property
    def example(self) -> Array | None:
        """A parameter of the shape that the rule takes; None for an elementwise rule."""
        return None if self.optimizer.elementwise else np.zeros(self.shape)


def parameter_groups(net: Trainable, optimizer: Optimizer) -> list[ParameterGroup]:
    """Return the trainable parameters, grouped by their settings in `optimizer.groups`.

    Each parameter is a group of its own for a rule that is not elementwise.
    """
    _refuse_unmatched(optimizer, [*net.named_parameters()])
    usual = (1.0, optimizer.weight_decay)
    twins, slices = {usual: optimizer}, {usual: list[slice]()}
    alone: list[ParameterGroup] = []
    start = 0
    for path, array in net.named_parameters().items():
        where, start = slice(start, start + array.size), start + array.size
        settings = usual
        for pattern, group in optimizer.groups.items():
            if fnmatchcase(path, pattern):
                factor = group.get("learning_rate_factor", settings[0])
                settings = (factor, group.get("weight_decay", settings[1]))
        for trainable in net.trainable_slices():
            if trainable.start <= where.start < where.stop <= trainable.stop:
                if settings not in twins:
                    twin = twins[settings] = twin_of(optimizer)
                    _, twin.weight_decay = settings
                _join(slices.setdefault(settings, []), where)
                alone.append(ParameterGroup(twins[settings], settings[0], [where], array.shape))
    if not optimizer.elementwise:
        return alone
    return [ParameterGroup(twins[key], key[0], parts) for key, parts in slices.items()]


def take_step(
    net: Trainable,
    optimizer: Optimizer,
    groups: Sequence[ParameterGroup],
    state: Sequence[Array],
    step: int,
    learning_rate: float,
) -> None:
    """Take a step: change the parameters and the state by the gradients.

    Parameters
    ----------
    net : Net
        Changed in place.
    optimizer : Optimizer
        The optimizer.
    groups : sequence of ParameterGroup
        The parameter groups of the net.
    state : sequence of arrays
        State of the rule, changed in place.
    step : int
        Number of the step, from 1.
    learning_rate : float
        Learning rate of this step.
    """
    w, dw = net.parameters, net.gradients
    arguments: dict[str, Any] = {"step": step}
    if optimizer.clip_norm is not None:
        squares = (np.square(dw[part]).sum() for group in groups for part in group.slices)
        arguments["dw_norm"] = np.sqrt(sum(squares, dw.dtype.type(0)))  # keeps the dtype
    for group in groups:
        rate = group.factor * learning_rate
        for part in group.slices:
            arrays = [a[part].reshape(group.shape) for a in (w, dw, *state)]
            values = group.optimizer.update(*arrays, learning_rate=rate, **arguments)
            targets = [arrays[0], *arrays[2:]]
            # a rule may return one of its arguments, which must not change while another is stored
            values = tuple(v.copy() if v.base is not None else v for v in values)
            for target, value in zip(targets, values, strict=True):
                target[...] = value


def exchange_weights(net: Trainable, others: Array) -> None:
    """Exchange the trainable parameters of a net with those in an array like `net.parameters`."""
    for part in net.trainable_slices():
        before = net.parameters[part].copy()
        net.parameters[part], others[part] = others[part], before


class OptimizerState:
    """State of an optimizer's rule and number of its steps, for one net."""

    def __init__(self, net: Trainable, optimizer: Optimizer) -> None:
        self.state = [np.zeros_like(net.parameters) for _ in optimizer.state_names]
        self.size, self.steps = net.parameters.size, 0
        self.net: weakref.ref[Trainable] | None = weakref.ref(net)

    def check(self, net: Trainable, optimizer: Optimizer) -> None:
        """Raise SettingError for another net; a copy of an optimizer accepts one that fits."""
        owner = net if self.net is None else self.net()
        if owner is not net or self.size != net.parameters.size:
            raise SettingError(
                f"{optimizer!r}, after {self.steps} steps of a net with {self.size:,} parameters, "
                f"was given another net, with {net.parameters.size:,}",
                "one net for each optimizer, which stores its state",
                f"optimizer = hg.{optimizer!r} for the new net",
            )
        self.net = self.net or weakref.ref(net)

    def __getstate__(self) -> dict[str, Any]:
        copies = {"state": [array.copy() for array in self.state], "net": None}
        return {**vars(self), **copies}


def _join(slices: list[slice], where: slice) -> None:
    if slices and slices[-1].stop == where.start:
        where = slice(slices.pop().start, where.stop)
    slices.append(where)


def _refuse_unmatched(optimizer: Optimizer, paths: Sequence[str]) -> None:
    for pattern in optimizer.groups:
        if not any(fnmatchcase(path, pattern) for path in paths):
            raise SettingError(
                f"groups: the pattern {pattern!r} matches no parameter",
                f"a pattern of {', '.join(paths) or 'no parameters at all'}",
                did_you_mean(pattern, paths, '"*.b" for all biases, "0.*" for the first layer'),
                repr(optimizer),
            )

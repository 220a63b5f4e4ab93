"""A step of an optimizer: which slices of a net's flat buffers it changes, with which settings."""

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from handgrad.base.errors import SettingError, did_you_mean
from handgrad.base.page import Array, Page, twin_of


class Trainable(Protocol):
    """What an optimizer changes: a net, with all its parameters in one flat array."""

    @property
    def parameters(self) -> Array: ...

    @property
    def gradients(self) -> Array: ...

    def named_parameters(self) -> dict[str, Array]: ...

    def trainable_slices(self) -> list[slice]: ...

    def gather_gradients(self) -> None: ...


class Rule(Page):
    """How an optimizer updates parameters, and those of which it does so in another way."""

    weight_decay: float = 0.0
    clip_norm: float | None = None
    groups: Mapping[str, Any] = {}

    def update(
        self,
        w: Array,
        dw: Array,
        *state: Array,
        learning_rate: float,
        step: int,
        dw_norm: float | None = None,
    ) -> tuple[Array, ...]:
        """The new `w` and the new state."""
        raise NotImplementedError


R = TypeVar("R", bound=Rule)


@dataclass(frozen=True)
class ParameterGroup(Generic[R]):
    """Slices of the parameters that one optimizer updates, with a factor of its learning rate."""

    optimizer: R
    factor: float
    slices: list[slice] = field(default_factory=list)


def parameter_groups(net: Trainable, optimizer: R) -> list[ParameterGroup[R]]:
    """The trainable parameters, by the settings that `optimizer.groups` gives them."""
    _refuse_unmatched(optimizer, [*net.named_parameters()])
    usual = (1.0, optimizer.weight_decay)
    groups = {usual: ParameterGroup(optimizer, 1.0)}
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
                if settings not in groups:
                    own = twin_of(optimizer)
                    factor, own.weight_decay = settings
                    groups[settings] = ParameterGroup(own, factor)
                _join(groups[settings].slices, where)
    return [*groups.values()]


def take_step(
    net: Trainable,
    optimizer: Rule,
    groups: Sequence[ParameterGroup[R]],
    state: Sequence[Array],
    step: int,
    learning_rate: float,
) -> None:
    """Change parameters and `state`, arrays like them, by the gradients: the step of that number.

    `groups` are the parameter groups of the net, `state` what the optimizer's rule remembers.
    """
    w, dw = net.parameters, net.gradients
    given: dict[str, Any] = {"step": step}
    if optimizer.clip_norm is not None:
        given["dw_norm"] = length(dw, groups)
    for group in groups:
        rate = group.factor * learning_rate
        for part in group.slices:
            arrays = [a[part] for a in (w, dw, *state)]
            values = group.optimizer.update(*arrays, learning_rate=rate, **given)
            targets = [arrays[0], *arrays[2:]]
            # a rule may hand on what it was given; that must not change while it is stored
            values = tuple(v.copy() if v.base is not None else v for v in values)
            for target, value in zip(targets, values, strict=True):
                target[...] = value


class Memory:
    """What an optimizer remembers of the steps it took of a net: its state, and their number."""

    def __init__(self, net: Trainable, optimizer: Rule) -> None:
        self.state = [np.zeros_like(net.parameters) for _ in optimizer.state_names]
        self.size, self.steps = net.parameters.size, 0
        self.net: weakref.ref[Trainable] | None = weakref.ref(net)

    def check(self, net: Trainable, optimizer: Rule) -> None:
        """Refuse another net; a copy of an optimizer takes the first that comes and fits."""
        known = net if self.net is None else self.net()
        if known is not net or self.size != net.parameters.size:
            raise SettingError(
                f"{optimizer!r} has taken {self.steps} steps of a net of {self.size:,} parameters, "
                f"and is to go on with another, of {net.parameters.size:,}",
                "one net for an optimizer whose step is called: it remembers that net's steps",
                f"a new one for each net, optimizer = hg.{optimizer!r}",
            )
        self.net = self.net or weakref.ref(net)

    def __getstate__(self) -> dict[str, Any]:
        copies = {"state": [array.copy() for array in self.state], "net": None}
        return {**vars(self), **copies}


def length(gradients: Array, groups: Sequence[ParameterGroup[R]]) -> float:
    """The length of the gradient of all trainable parameters together, in their type."""
    squares = (np.square(gradients[part]).sum() for group in groups for part in group.slices)
    return np.sqrt(sum(squares, gradients.dtype.type(0)))


def _join(slices: list[slice], where: slice) -> None:
    if slices and slices[-1].stop == where.start:
        where = slice(slices.pop().start, where.stop)
    slices.append(where)


def _refuse_unmatched(optimizer: Rule, paths: Sequence[str]) -> None:
    for pattern in optimizer.groups:
        if not any(fnmatchcase(path, pattern) for path in paths):
            raise SettingError(
                f"groups: the pattern {pattern!r} matches no parameter",
                f"a pattern of {', '.join(paths) or 'no parameters at all'}",
                did_you_mean(pattern, paths, '"*.b" for all biases, "0.*" for the first layer'),
                repr(optimizer),
            )

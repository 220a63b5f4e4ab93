"""Which slices of a net's flat buffers an optimizer changes, and with which of its settings."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from handgrad.errors import SettingError, did_you_mean
from handgrad.layers import Array
from handgrad.optimizers import Optimizer


@dataclass(frozen=True)
class ParameterGroup:
    """Slices of the parameters that one optimizer updates, with a factor of its learning rate."""

    optimizer: Optimizer
    factor: float
    slices: list[slice] = field(default_factory=list)


def parameter_groups(net: Any, optimizer: Optimizer) -> list[ParameterGroup]:
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
                    own = copy.copy(optimizer)
                    factor, own.weight_decay = settings
                    groups[settings] = ParameterGroup(own, factor)
                _join(groups[settings].slices, where)
    return [*groups.values()]


def length(gradients: Array, groups: Sequence[ParameterGroup]) -> Any:
    """The length of the gradient of all trainable parameters together, in their type."""
    squares = (np.square(gradients[part]).sum() for group in groups for part in group.slices)
    return np.sqrt(sum(squares, gradients.dtype.type(0)))


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

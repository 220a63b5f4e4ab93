"""Calls of machine code made one after another, in a single go from Python.

A call through Python costs more than an epoch of a small net takes, and beside a busy thread of
Python each one waits for its turn; so whole epochs, and the predictions after each, are planned
as calls that one function of machine code makes. A program takes one argument: the address of
a block of memory that holds all its own, 8 bytes each.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import llvmlite.ir as ir
import numpy as np

from handgrad.engines.compiled.machine_code import loaded
from handgrad.engines.compiled.program import FINISHED
from handgrad.layers import Array

INT, BLOCK = ir.IntType(64), ir.IntType(64).as_pointer()
DOOR = ir.FunctionType(INT, [BLOCK])
NAME = "in_turn"


@dataclass(frozen=True)
class PerRound:
    """An argument whose first axis counts the rounds: each is given its own part."""

    array: Array

    def part(self, i: int) -> Array:
        """What the round `i` is given."""
        part: Array = self.array[i]
        return part


@dataclass(frozen=True)
class NativeCall:
    """A function, as machine code, and what it is to be called with."""

    function: Any
    arguments: tuple[Any, ...]


class Calls:
    """Some calls, all of them in each of so many rounds, until one does not return FINISHED."""

    def __init__(self, planned: Sequence[NativeCall], rounds: int = 1) -> None:
        self.kept = planned  # machine code sees addresses alone, of arrays and functions
        self.blocks = [_block(call.arguments, rounds) for call in planned]
        pairs = np.empty((rounds, len(planned), 2), np.int64)
        for i, (call, block) in enumerate(zip(planned, self.blocks, strict=True)):
            pairs[:, i, 0] = call.function.address
            pairs[:, i, 1] = block.ctypes.data + block.strides[0] * np.arange(rounds)
        self.pairs, self.in_a_round = pairs, len(planned)
        self.returned = np.empty(1, np.int64)
        self.addresses = pairs.ctypes.data, self.returned.ctypes.data
        self.function = _in_turn()

    def run(self, rounds: int = 1) -> tuple[int, int]:
        """The number of whole rounds, and what the last call returned."""
        pairs, returned = self.addresses
        done = self.function(pairs, rounds * self.in_a_round, returned)
        return done // self.in_a_round, self.returned.item()


def _block(arguments: Sequence[PerRound | Array | int], rounds: int) -> Array:
    """The arguments of each round, a row a round."""
    block = np.empty((rounds, len(arguments)), np.int64)
    for i, argument in enumerate(arguments):
        if isinstance(argument, PerRound):
            array = argument.array
            block[:, i] = _address(array) + array.strides[0] * np.arange(rounds)
        else:
            block[:, i] = _address(argument) if isinstance(argument, np.ndarray) else argument
    return block


def _address(array: Array) -> int:
    if not array.flags.c_contiguous:
        raise ValueError("machine code reads contiguous arrays only")
    return array.ctypes.data


@lru_cache
def _in_turn() -> Any:
    """The function that makes the calls; while it runs, other threads of Python run too."""
    signature = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)
    code = loaded(NAME, _text, NAME)
    function: Any = signature(code.address)
    function.code = code  # which lives as long
    return function


def _text() -> str:
    """Its text: it makes `count` calls of `pairs`, a function and a block each, in their order.

    It returns how many of them returned FINISHED, and leaves in `returned` what the last one did.
    """
    module = ir.Module(NAME)
    function = ir.Function(module, ir.FunctionType(INT, [BLOCK, INT, BLOCK]), NAME)
    pairs, count, returned = function.args
    start, head, body, after = (function.append_basic_block() for _ in range(4))
    b = ir.IRBuilder(start)
    b.store(ir.Constant(INT, FINISHED), returned)
    b.branch(head)
    b.position_at_end(head)
    i = b.phi(INT)
    i.add_incoming(ir.Constant(INT, 0), start)
    going_on = b.icmp_signed("==", b.load(returned), ir.Constant(INT, FINISHED))
    b.cbranch(b.and_(b.icmp_signed("<", i, count), going_on), body, after)
    b.position_at_end(body)
    pair = b.gep(pairs, [b.mul(i, ir.Constant(INT, 2))])
    door = b.inttoptr(b.load(pair), DOOR.as_pointer())
    block = b.inttoptr(b.load(b.gep(pair, [ir.Constant(INT, 1)])), BLOCK)
    found = b.call(door, [block])
    b.store(found, returned)
    finished = b.icmp_signed("==", found, ir.Constant(INT, FINISHED))
    i.add_incoming(b.add(i, b.zext(finished, INT)), body)
    b.branch(head)
    b.position_at_end(after)
    b.ret(i)
    return str(module)

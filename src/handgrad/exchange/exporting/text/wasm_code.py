"""WebAssembly functions that generate text: those of the file of C, as LLVM IR.

begin(start, temperature, seed)   begins a text after `start`, the address of UTF-8 that ends with 0
next()                            address of the next token, in UTF-8 that ends with 0

Variables and tables lie in the module's memory: a stack would need an import.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import llvmlite.ir as ir
import numpy as np

from handgrad.engines.compiled.ir_helpers import (
    BYTE,
    DOUBLE,
    INT,
    INT32,
    SINGLE,
    counted_loop,
    define_once,
    i64,
)
from handgrad.engines.compiled.pcg64 import words
from handgrad.engines.portable.webassembly import entry_point_of
from handgrad.exchange.exporting.text.writer_spec import SPACE, WriterSpec, kinds_of
from handgrad.textbook.layers import Array

VARIABLES = [
    *("count", "done", "greedy", "cursor", "position", "word", "best"),
    *("length", "kind", "body", "kept", "at"),  # of a piece
]
LONGEST = 64  # characters of a piece
Cell = tuple[str, ir.Type]  # a buffer, and the type of its elements


def i32(value: int) -> ir.Constant:
    """A constant of 32 bits."""
    return ir.Constant(INT32, value % 2**32)


@contextmanager
def while_loop(b: ir.IRBuilder, condition: Callable[[], ir.Value]) -> Iterator[None]:
    """Build a loop around the code of the `with` block, which runs while `condition()` holds."""
    head, body, after = (b.function.append_basic_block() for _ in range(3))
    b.branch(head)
    b.position_at_end(head)
    b.cbranch(condition(), body, after)
    b.position_at_end(body)
    yield
    b.branch(head)
    b.position_at_end(after)


@dataclass(frozen=True, eq=False)
class TextFunctions:
    """Functions of a language model in a WebAssembly module, and the buffers that they need."""

    spec: WriterSpec

    @property
    def names(self) -> Sequence[str]:
        """Names of the functions."""
        return "begin", "next"

    @cached_property
    def number(self) -> ir.Type:
        return SINGLE if self.spec.step.dtype.itemsize == 4 else DOUBLE

    @cached_property
    def n_drawn(self) -> int:
        return self.spec.step.n_tokens - 1

    @cached_property
    def buffers(self) -> Mapping[str, Array]:
        """Initial contents of the buffers, by name."""
        spec, pairs = self.spec, self.spec.pairs
        texts = [b"\0", *(token.encode() + b"\0" for token in pairs.tokens[1:])]
        places = np.cumsum([0, *map(len, texts[:-1])], dtype=np.int32)
        (n_out,) = spec.model.output_shape
        arrays: dict[str, Array] = {
            "variables": np.zeros(len(VARIABLES), np.int32),
            "stream": np.zeros(7, np.uint64),  # and a word that is drawn
            "sum": np.zeros(1),
            "row": np.zeros(spec.step.n_in or 0, spec.step.dtype),
            "output": np.zeros(n_out, spec.step.dtype),
            "codes": np.zeros(spec.context + 1, np.int32),
            "tokens": np.frombuffer(b"".join(texts), np.uint8),
            "places": places,
            "characters": np.array([_packed(one) for one in pairs.vocabulary], np.uint32),
            "weights": np.array([] if spec.first else spec.weights, np.float64),
            "piece": np.zeros(LONGEST + 1, np.int32),
            "kinds": np.array(kinds_of(pairs) if pairs.merges else [], np.int32),
            "merges": np.array(pairs.merges, np.int32).ravel(),
        }
        return {f"text.{name}": array for name, array in arrays.items()}

    def write(self, module: ir.Module, addresses: Mapping[str, int]) -> None:
        """Add the functions to a module with these addresses."""
        _Writer(self, module, addresses).write()


def _packed(character: str) -> int:
    """UTF-8 of a character as one number, the first byte lowest."""
    return int.from_bytes(character.encode("utf-8"), "little")


class _Writer:
    """Writes the functions."""

    def __init__(self, of: TextFunctions, module: ir.Module, addresses: Mapping[str, int]) -> None:
        self.of, self.spec, self.module, self.addresses = of, of.spec, module, addresses
        self.step, self.pairs, self.context = of.spec.step, of.spec.pairs, of.spec.context

    def write(self) -> None:
        kinds = {"begin": [INT32, DOUBLE, INT], "next": []}
        for name, write in {"begin": self.begin, "next": self.next}.items():
            kind = ir.FunctionType(INT32, kinds[name])
            function = ir.Function(self.module, kind, entry_point_of(name))
            write(ir.IRBuilder(function.append_basic_block()))

    # memory

    def address(self, name: str) -> ir.Constant:
        return i32(self.addresses[f"text.{name}"])

    def place(self, b: ir.IRBuilder, name: str, i: ir.Value | int, kind: ir.Type) -> ir.Value:
        """Pointer to an element of a buffer."""
        pointer = self.address(name).inttoptr(kind.as_pointer())
        return b.gep(pointer, [i32(i) if isinstance(i, int) else i])

    def load(
        self, b: ir.IRBuilder, name: str, i: ir.Value | int, kind: ir.Type = INT32
    ) -> ir.Value:
        return b.load(self.place(b, name, i, kind))

    def store(self, b: ir.IRBuilder, value: ir.Value, name: str, i: ir.Value | int) -> None:
        b.store(value, self.place(b, name, i, value.type))

    def get(self, b: ir.IRBuilder, variable: str) -> ir.Value:
        return self.load(b, "variables", VARIABLES.index(variable))

    def put(self, b: ir.IRBuilder, value: ir.Value | int, *variables: str) -> None:
        value = i32(value) if isinstance(value, int) else value
        for variable in variables:
            self.store(b, value, "variables", VARIABLES.index(variable))

    def add(self, b: ir.IRBuilder, variable: str, value: ir.Value | int = 1) -> None:
        value = i32(value) if isinstance(value, int) else value
        self.put(b, b.add(self.get(b, variable), value), variable)

    def byte(self, b: ir.IRBuilder, address: ir.Value) -> ir.Value:
        return b.zext(b.load(b.inttoptr(address, BYTE.as_pointer())), INT32)

    def call(
        self,
        b: ir.IRBuilder,
        write: Callable[[ir.IRBuilder], None],
        *values: ir.Value,
        result: ir.Type = INT32,
    ) -> ir.Value:
        """Call a function of the module, which `write` writes once."""
        kinds = [value.type for value in values]
        name = f"text.{write.__name__}.{''.join(map(str, kinds))}"
        return b.call(define_once(self.module, name, kinds, write, result), values)

    # reading the start

    def character(self, b: ir.IRBuilder) -> None:
        """The number of the character at the cursor, which moves on; 0 if it is unknown."""
        cursor = self.get(b, "cursor")
        first = self.byte(b, cursor)
        more = i32(0)
        for least in (0xC0, 0xE0, 0xF0):
            more = b.add(more, b.zext(b.icmp_unsigned(">=", first, i32(least)), INT32))
        self.put(b, first, "word")
        end = b.add(more, i32(1))
        with counted_loop(b, end, begin=i32(1)) as i:
            byte = self.byte(b, b.add(cursor, i))
            with b.if_then(b.icmp_signed("!=", b.and_(byte, i32(0xC0)), i32(0x80))):
                b.ret(i32(0))
            self.put(b, b.or_(self.get(b, "word"), b.shl(byte, b.shl(i, i32(3)))), "word")
        self.put(b, b.add(cursor, end), "cursor")
        with counted_loop(b, i32(len(self.pairs.vocabulary)), begin=i32(1)) as i:
            known = self.load(b, "characters", i)
            with b.if_then(b.icmp_signed("==", known, self.get(b, "word"))):
                b.ret(i)
        b.ret(i32(0))

    def append(self, b: ir.IRBuilder) -> None:
        """Append a token; of a long start the end is read."""
        (code,) = b.function.args
        full = b.icmp_signed("==", self.get(b, "count"), i32(self.context))
        with b.if_then(full):
            with counted_loop(b, i32(self.context), begin=i32(1)) as i:
                self.store(b, self.load(b, "codes", i), "codes", b.sub(i, i32(1)))
            self.add(b, "count", -1)
        self.store(b, code, "codes", self.get(b, "count"))
        self.add(b, "count")
        b.ret(i32(0))

    def flush(self, b: ir.IRBuilder) -> None:
        """Join pairs in the order in which they were learned; append the tokens of the piece."""
        with counted_loop(b, i32(len(self.pairs.merges))) as k:
            self.put(b, 0, "kept", "at")
            with while_loop(b, lambda: self.less(b, "at", "length")):
                at = self.get(b, "at")
                following = b.add(at, i32(1))
                code = self.load(b, "piece", at)
                joins = b.icmp_signed("<", following, self.get(b, "length"))
                for i, part in enumerate((code, self.load(b, "piece", following))):
                    other = self.load(b, "merges", b.add(b.shl(k, i32(1)), i32(i)))
                    joins = b.and_(joins, b.icmp_signed("==", part, other))
                joined = b.add(k, i32(len(self.pairs.vocabulary)))
                self.store(b, b.select(joins, joined, code), "piece", self.get(b, "kept"))
                self.add(b, "kept")
                self.add(b, "at", b.add(b.zext(joins, INT32), i32(1)))
            self.put(b, self.get(b, "kept"), "length")
        with counted_loop(b, self.get(b, "length")) as i:
            self.call(b, self.append, self.load(b, "piece", i))
        self.put(b, 0, "length")
        b.ret(i32(0))

    def less(self, b: ir.IRBuilder, one: str, other: str) -> ir.Value:
        return b.icmp_signed("<", self.get(b, one), self.get(b, other))

    def take(self, b: ir.IRBuilder) -> None:
        """A character of the start: words and signs, each with a space before, and space."""
        (code,) = b.function.args
        kind, length = self.load(b, "kinds", code), self.get(b, "length")
        is_space = b.icmp_signed("==", kind, i32(SPACE))
        space = i32(self.pairs.vocabulary.find(" "))
        leads = b.and_(
            b.icmp_signed("==", length, i32(1)),
            b.icmp_signed("==", self.load(b, "piece", 0), space),
        )
        most = b.select(is_space, i32(LONGEST), i32(LONGEST - 1))
        ends = b.or_(
            b.icmp_signed("!=", kind, self.get(b, "kind")),
            b.icmp_signed("==", self.get(b, "body"), most),
        )
        with b.if_else(b.and_(leads, b.not_(is_space))) as (then, otherwise):
            with then:
                self.put(b, kind, "kind")
                self.put(b, 0, "body")
            with otherwise, b.if_then(b.and_(b.icmp_signed("!=", length, i32(0)), ends)):
                self.call(b, self.flush)
        with b.if_then(b.icmp_signed("==", self.get(b, "length"), i32(0))):
            self.put(b, kind, "kind")
            self.put(b, 0, "body")
        self.store(b, code, "piece", self.get(b, "length"))
        self.add(b, "length")
        self.add(b, "body")
        b.ret(i32(0))

    # generating

    def begin(self, b: ir.IRBuilder) -> None:
        """Returns -1, or the position of the first character that is unknown."""
        start, temperature, seed = b.function.args
        kind, merges = self.of.number, self.pairs.merges
        self.put(b, 0, "count", "done", "length", "position")
        t = b.fptrunc(temperature, kind) if kind == SINGLE else temperature
        greedy = b.fcmp_ordered("==", t, ir.Constant(kind, 0.0))
        self.put(b, b.zext(greedy, INT32), "greedy")
        self.store(b, b.select(greedy, ir.Constant(kind, 1.0), t), "row", 2)
        self.seed(b, seed)
        self.put(b, start, "cursor")

        def goes_on() -> ir.Value:
            return b.icmp_signed("!=", self.byte(b, self.get(b, "cursor")), i32(0))

        with while_loop(b, goes_on):
            code = self.call(b, self.character)
            with b.if_then(b.icmp_signed("==", code, i32(0))):
                b.ret(self.get(b, "position"))
            self.call(b, self.take if merges else self.append, code)
            self.add(b, "position")
        if merges:
            self.call(b, self.flush)
        with b.if_then(b.icmp_signed("==", self.get(b, "count"), i32(0))):
            first = i32(self.spec.first or 0)
            if not self.spec.first:
                n = len(self.spec.weights)
                first = b.add(i32(1), self.drawn(b, ("weights", DOUBLE), n))
            self.call(b, self.append, first)
        b.ret(i32(-1))

    def next(self, b: ir.IRBuilder) -> None:
        """Address of the next token; of a full context the second half is read anew."""
        half, n = i32(max(self.context // 2, 1)), self.of.n_drawn
        count = self.get(b, "count")
        with b.if_then(b.icmp_signed(">", count, i32(self.context))):
            with counted_loop(b, half) as i:
                code = self.load(b, "codes", b.add(i, b.sub(count, half)))
                self.store(b, code, "codes", i)
            self.put(b, half, "count")
            self.put(b, 0, "done")
        with while_loop(b, lambda: self.less(b, "done", "count")):
            done = self.get(b, "done")
            self.call(b, self.read, self.load(b, "codes", done), done)
            self.add(b, "done")
        with b.if_else(b.icmp_signed("!=", self.get(b, "greedy"), i32(0))) as (then, otherwise):
            with then:
                self.put(b, 0, "best")
                with counted_loop(b, i32(n), begin=i32(1)) as i:
                    best = self.load(b, "output", self.get(b, "best"), self.of.number)
                    more = b.fcmp_ordered(">", self.load(b, "output", i, self.of.number), best)
                    self.put(b, b.select(more, i, self.get(b, "best")), "best")
            with otherwise:
                self.put(b, self.drawn(b, ("output", self.of.number), n), "best")
        code = b.add(self.get(b, "best"), i32(1))
        self.store(b, code, "codes", self.get(b, "count"))
        self.add(b, "count")
        b.ret(b.add(self.address("tokens"), self.load(b, "places", code)))

    def read(self, b: ir.IRBuilder) -> None:
        """Read a token at a position; keep its states, keys and values."""
        code, position = b.function.args
        kind, step, n = self.of.number, self.step, self.of.n_drawn
        self.store(b, b.sitofp(code, kind), "row", 0)
        self.store(b, b.sitofp(position, kind), "row", 1)
        starts = b.icmp_signed("==", position, i32(0))
        with b.if_then(starts), counted_loop(b, i32(step.n_states)) as i:
            self.store(b, ir.Constant(kind, 0.0), "row", b.add(i, i32(3)))
        predict = self.module.get_global(entry_point_of("predict"))
        row, output = (self.place(b, name, 0, kind) for name in ("row", "output"))
        b.call(predict, [i32(1), row, output])
        memory = b.add(i32(3 + step.n_states), b.mul(position, i32(step.n_cached)))
        for size, source, target in (
            (step.n_states, n, i32(3)),
            (step.n_cached, n + step.n_states, memory),
        ):
            with counted_loop(b, i32(size)) as i:
                value = self.load(b, "output", b.add(i, i32(source)), kind)
                self.store(b, value, "row", b.add(i, target))
        b.ret(i32(0))

    def drawn(self, b: ir.IRBuilder, of: Cell, n: int) -> ir.Value:
        """The first index whose cumulative sum is above a random part of the sum of all n."""

        def draw(b: ir.IRBuilder) -> None:
            so_far = self.place(b, "sum", 0, DOUBLE)

            def add(i: ir.Value) -> ir.Value:
                number = self.load(b, of[0], i, of[1])
                number = number if of[1] == DOUBLE else b.fpext(number, DOUBLE)
                total = b.fadd(b.load(so_far), number)
                b.store(total, so_far)
                return total

            b.store(ir.Constant(DOUBLE, 0.0), so_far)
            with counted_loop(b, i32(n)) as i:
                add(i)
            part = b.uitofp(b.lshr(self.random_word(b), i64(11)), DOUBLE)
            most = b.fmul(b.fmul(part, ir.Constant(DOUBLE, 2.0**-53)), b.load(so_far))
            b.store(ir.Constant(DOUBLE, 0.0), so_far)
            with counted_loop(b, i32(n - 1)) as i, b.if_then(b.fcmp_ordered(">", add(i), most)):
                b.ret(i)
            b.ret(i32(n - 1))

        draw.__name__ = f"drawn_{of[0]}"
        return self.call(b, draw)

    def random_word(self, b: ir.IRBuilder) -> ir.Value:
        """The next 64 bits."""
        stream, word = self.place(b, "stream", 0, INT), self.place(b, "stream", 6, INT)
        b.call(words(self.module, INT32), [stream, word, i32(1)])
        return b.load(word)

    def seed(self, b: ir.IRBuilder, seed: ir.Value) -> None:
        """NumPy's generator of a seed: PCG64, its state and step hashed from the seed."""
        pool = [b.trunc(seed, INT32), b.trunc(b.lshr(seed, i64(32)), INT32), i32(0), i32(0)]
        hashed = _hashing(b, 0x43B0D7E5, 0x931E8875)
        pool = [hashed(word) for word in pool]
        for i in range(4):  # each word is mixed into the other three
            for k in range(4):
                if i != k:
                    mixed = b.mul(pool[k], i32(0xCA01F9DD))
                    mixed = b.sub(mixed, b.mul(hashed(pool[i]), i32(0x4973F715)))
                    pool[k] = b.xor(mixed, b.lshr(mixed, i32(16)))
        hashed = _hashing(b, 0x8B51F9DD, 0x58F38DED)
        parts = [b.zext(hashed(pool[i % 4]), INT) for i in range(8)]
        halves = [
            b.or_(low, b.shl(high, i64(32)))
            for low, high in zip(parts[::2], parts[1::2], strict=True)
        ]
        step = b.or_(b.shl(halves[3], i64(1)), i64(1))
        high = b.or_(b.shl(halves[2], i64(1)), b.lshr(halves[3], i64(63)))
        low = b.add(step, halves[1])
        carry = b.zext(b.icmp_unsigned("<", low, halves[1]), INT)
        state = [low, b.add(b.add(high, halves[0]), carry), step, high, i64(0), i64(0)]
        for i, value in enumerate(state):
            self.store(b, value, "stream", i)
        self.random_word(b)


def _hashing(b: ir.IRBuilder, start: int, factor: int) -> Callable[[ir.Value], ir.Value]:
    """Hash of one word after another, each by another constant (O'Neill, 2015)."""
    constant = start

    def hashed(word: ir.Value) -> ir.Value:
        nonlocal constant
        before, constant = constant, constant * factor % 2**32
        product = b.mul(b.xor(word, i32(before)), i32(constant))
        return b.xor(product, b.lshr(product, i32(16)))

    return hashed

"""An object file of WebAssembly as a module that needs nothing: with its memory, and exports.

The object file of one LLVM module has nothing that a linker would have to move: its indices are
final, and its own constants lie in memory from 0 on. What it lacks is a memory of its own, what
is in it at first, and exports.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from handgrad.textbook.errors import CannotLowerError

MAGIC = b"\0asm\1\0\0\0"
# The kinds of section, and the order they stand in; the number of 12 came late.
CUSTOM, IMPORTS, MEMORY, GLOBALS, EXPORTS, CODE, DATA, DATA_COUNT = 0, 2, 5, 6, 7, 10, 11, 12
ORDER = (1, IMPORTS, 3, 4, MEMORY, GLOBALS, EXPORTS, 8, 9, DATA_COUNT, CODE, DATA)
# What is imported or exported, by its kind.
FUNCTION, TABLE, MEMORY_ITSELF, GLOBAL = range(4)
I32, CONSTANT, END = 0x7F, 0x41, 0x0B
PAGE = 2**16
SYMBOLS, UNDEFINED, NAMED, OF_DATA, OF_SECTION = 8, 0x10, 0x40, 1, 3


@dataclass(frozen=True)
class Memory:
    """What lies where in memory: its size, what is there at first, and addresses by name."""

    size: int
    data: Sequence[tuple[int, bytes]]
    addresses: Mapping[str, int]


def linked(code: bytes, functions: Mapping[str, str], memory: Memory) -> bytes:
    """The module of an object file, its memory, and exports: functions by their names inside.

    Raises CannotLowerError for an object file that needs something from outside.
    """
    parts, linking = _sections(code)
    _check_imports(_Reader(parts.pop(IMPORTS)))
    indices = _functions(_Reader(linking))
    parts[MEMORY] = _listed([b"\0" + number(-(-memory.size // PAGE))])
    at = [bytes([I32, 0]) + _constant(address) for address in memory.addresses.values()]
    parts[GLOBALS] = _listed(at)
    exports = [("memory", MEMORY_ITSELF, 0)]
    exports += [(name, FUNCTION, indices[inside]) for name, inside in functions.items()]
    exports += [(name, GLOBAL, i) for i, name in enumerate(memory.addresses)]
    parts[EXPORTS] = _listed([_sized(s.encode()) + bytes([k]) + number(i) for s, k, i in exports])
    own = _Reader(parts.get(DATA, b"\0"))
    count = number(own.number() + len(memory.data))
    added = (b"\0" + _constant(address) + _sized(content) for address, content in memory.data)
    parts |= {DATA: count + own.rest() + b"".join(added), DATA_COUNT: count}
    kept = [bytes([kind]) + _sized(parts[kind]) for kind in ORDER if kind in parts]
    return MAGIC + b"".join(kept)


def number(value: int) -> bytes:
    """A whole number that is not negative in LEB128: seven bits a byte, the lowest first."""
    last = value < 128
    return bytes([value]) if last else bytes([value & 127 | 128]) + number(value >> 7)


def _constant(address: int) -> bytes:
    """The instructions that give an address: LEB128 with a sign, the highest of its bits."""
    digits = b""
    while address >= 64:
        digits += bytes([address & 127 | 128])
        address >>= 7
    return bytes([CONSTANT]) + digits + bytes([address, END])


def _sized(content: bytes) -> bytes:
    return number(len(content)) + content


def _listed(entries: Sequence[bytes]) -> bytes:
    return number(len(entries)) + b"".join(entries)


class _Reader:
    """Reads a section, one thing after another."""

    def __init__(self, code: bytes) -> None:
        self.code, self.at = code, 0

    def byte(self) -> int:
        self.at += 1
        return self.code[self.at - 1]

    def number(self) -> int:
        byte = self.byte()
        return byte if byte < 128 else byte - 128 + 128 * self.number()

    def content(self) -> bytes:
        size = self.number()
        self.at += size
        return self.code[self.at - size : self.at]

    def name(self) -> str:
        return self.content().decode()

    def rest(self) -> bytes:
        return self.code[self.at :]

    def parts(self) -> Iterator[tuple[int, bytes]]:
        """What is left, as parts of a kind each."""
        while self.at < len(self.code):
            yield self.byte(), self.content()


def _sections(code: bytes) -> tuple[dict[int, bytes], bytes]:
    """The sections of an object file that a module has too; and what linkers are told."""
    reader = _Reader(code)
    reader.at = len(MAGIC)
    parts, linking = dict[int, bytes](), b""
    for kind, content in reader.parts():
        if kind != CUSTOM:
            parts[kind] = content
            continue
        custom = _Reader(content)
        if custom.name() == "linking":
            linking = custom.rest()
    return parts, linking


def _check_imports(imports: _Reader) -> None:
    for _ in range(imports.number()):
        imports.name()
        name, kind = imports.name(), imports.byte()
        if kind not in (TABLE, MEMORY_ITSELF):
            raise CannotLowerError(f"{name}, which WebAssembly would need from outside")
        if kind == TABLE:
            imports.byte()
        limits = imports.byte()
        for _ in range(1 + limits % 2):
            imports.number()


def _functions(linking: _Reader) -> dict[str, int]:
    """The functions of an object file by their names."""
    linking.number()  # the version
    symbols = _Reader(next(content for kind, content in linking.parts() if kind == SYMBOLS))
    found: dict[str, int] = {}
    for _ in range(symbols.number()):
        kind, flags = symbols.byte(), symbols.number()
        if kind == OF_SECTION:
            symbols.number()
        elif kind == OF_DATA:
            symbols.name()
            for _ in range(0 if flags & UNDEFINED else 3):
                symbols.number()
        else:
            index = symbols.number()
            name = symbols.name() if flags & NAMED or not flags & UNDEFINED else ""
            if kind == FUNCTION:
                found[name] = index
    return found

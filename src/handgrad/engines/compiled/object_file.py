"""Loads object files without LLVM, whose library takes longer to load than they do.

These are ELF files for x86-64 in which every reference is an address of 64 bits, as LLVM compiles
code that may lie anywhere. Files of other systems and processors are loaded by LLVM.
"""

import ctypes
import mmap
import weakref
from collections.abc import Callable

import numpy as np

from handgrad.textbook.layers import Array

# Windows has none of these flags.
NAMES = ("PROT_READ", "PROT_WRITE", "PROT_EXEC", "MAP_PRIVATE", "MAP_ANONYMOUS")
FLAG: dict[str, int] = {name: getattr(mmap, name, 0) for name in NAMES}
MAGIC, RELOCATABLE, X86_64 = b"\x7fELF\x02\x01", 1, 62
HEADER = np.dtype(
    [
        *(("magic", "S16"), ("type", "<u2"), ("machine", "<u2"), ("version", "<u4")),
        *(("entry", "<u8"), ("segments", "<u8"), ("sections", "<u8"), ("flags", "<u4")),
        *(("sizes", "<u2", 4), ("count", "<u2"), ("names", "<u2")),
    ]
)
SECTION = np.dtype(
    [
        *(("name", "<u4"), ("type", "<u4"), ("flags", "<u8"), ("address", "<u8")),
        *(("offset", "<u8"), ("size", "<u8"), ("link", "<u4"), ("info", "<u4")),
        *(("alignment", "<u8"), ("entry", "<u8")),
    ]
)
SYMBOL = np.dtype(
    [
        *(("name", "<u4"), ("info", "u1"), ("other", "u1"), ("section", "<u2")),
        *(("value", "<u8"), ("size", "<u8")),
    ]
)
RELOCATION = np.dtype([("offset", "<u8"), ("kind", "<u4"), ("symbol", "<u4"), ("addend", "<i8")])
CONTENT, SYMBOLS, RELOCATIONS = 1, 2, 4  # types of sections
WRITABLE, IN_MEMORY = 1, 2  # flags
ADDRESS = 1  # the kind of a relocation that stores an address
UNDEFINED = 0  # in place of a symbol's section
FAILED = ctypes.c_void_p(-1).value  # in place of an address
UNWINDING = b".eh_frame"  # what exceptions need, of which there are none


class OtherFormError(ValueError):
    """An object file that only LLVM can load."""


class ObjectFile:
    """The content of an object file in executable memory, which is freed with this object.

    Raises an OtherFormError for a file, or a system, that needs LLVM.

    Parameters
    ----------
    content : bytes
        The file.
    address_of : callable
        Returns the address of a function that the file calls; None if it is not known.
    """

    def __init__(self, content: bytes, address_of: Callable[[str], int | None]) -> None:
        if not FLAG["MAP_PRIVATE"] or not content.startswith(MAGIC):
            raise OtherFormError
        header = np.frombuffer(content, HEADER, 1)[0]
        if (header["type"], header["machine"]) != (RELOCATABLE, X86_64):
            raise OtherFormError
        self.content, self.address_of = content, address_of
        self.sections = np.frombuffer(content, SECTION, header["count"], header["sections"])
        places, size = self._places(header["names"])
        numbers, base = self._memory(size)
        for i, place in places.items():
            begin, length = int(self.sections["offset"][i]), int(self.sections["size"][i])
            numbers[place : place + length] = np.frombuffer(content, np.uint8, length, begin)
        names, values = self._symbols({i: base + place for i, place in places.items()})
        self.addresses = dict(zip(names, values.tolist(), strict=True))
        for section in self.sections[self.sections["type"] == RELOCATIONS]:
            if (target := places.get(int(section["info"]))) is not None:
                self._relocate(numbers[target:], section, values)
        executable = FLAG["PROT_READ"] | FLAG["PROT_EXEC"]
        if ctypes.CDLL(None).mprotect(ctypes.c_void_p(base), ctypes.c_size_t(size), executable):
            raise OtherFormError
        del self.content, self.address_of, self.sections

    def _places(self, names: int) -> tuple[dict[int, int], int]:
        """The places of the sections that belong in memory, by their number, and its size."""
        places, size = dict[int, int](), 0
        for i, section in enumerate(self.sections):
            flags, length, alignment = (int(section[x]) for x in ("flags", "size", "alignment"))
            name = self._text(self.sections[names], section["name"])
            if flags & IN_MEMORY and length and name != UNWINDING:
                if section["type"] != CONTENT or flags & WRITABLE:
                    raise OtherFormError
                places[i] = -(-size // alignment) * alignment
                size = places[i] + length
        return places, size

    def _memory(self, size: int) -> tuple[Array, int]:
        """New memory, and its address.

        At the end of the process it stays: a thread of the pool may still be in it.
        """
        system, length = ctypes.CDLL(None), ctypes.c_size_t(size)
        system.mmap.restype = ctypes.c_void_p
        flags = FLAG["MAP_PRIVATE"] | FLAG["MAP_ANONYMOUS"]
        writable = FLAG["PROT_READ"] | FLAG["PROT_WRITE"]
        base = system.mmap(None, length, writable, flags, -1, ctypes.c_long(0))
        if base in (None, FAILED):
            raise OtherFormError
        weakref.finalize(self, system.munmap, ctypes.c_void_p(base), length).atexit = False
        buffer = (ctypes.c_uint8 * size).from_address(base)
        return np.frombuffer(memoryview(buffer), np.uint8), base

    def _symbols(self, places: dict[int, int]) -> tuple[list[str], Array]:
        """The names and the addresses of all symbols; 0 for what is not in memory."""
        (table,) = self.sections[self.sections["type"] == SYMBOLS]
        strings = self.sections[table["link"]]
        symbols = self._table(SYMBOL, table).tolist()
        names = [self._text(strings, name).decode() for name, *_ in symbols]
        values = np.zeros(len(symbols), np.uint64)
        for i, (_, _, _, section, value, _) in enumerate(symbols):
            if section in places:
                values[i] = places[section] + value
            elif section == UNDEFINED and names[i]:
                values[i] = self.address_of(names[i]) or 0
        return names, values

    def _relocate(self, numbers: Array, section: Array, values: Array) -> None:
        """Store the addresses that a section's content has."""
        relocations = self._table(RELOCATION, section)
        addresses = values[relocations["symbol"]]
        if (relocations["kind"] != ADDRESS).any() or not addresses.all():
            raise OtherFormError
        stored = addresses + relocations["addend"].astype(np.uint64)
        at = relocations["offset"].astype(np.int64)
        numbers[at[:, None] + np.arange(8)] = stored.view(np.uint8).reshape(-1, 8)

    def _table(self, kind: np.dtype[np.void], section: Array) -> Array:
        size = int(section["size"]) // kind.itemsize
        return np.frombuffer(self.content, kind, size, int(section["offset"]))

    def _text(self, strings: Array, at: int) -> bytes:
        begin = int(strings["offset"]) + int(at)
        return self.content[begin : self.content.index(b"\0", begin)]

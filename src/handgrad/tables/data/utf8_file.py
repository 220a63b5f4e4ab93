"""CSV files as bytes in UTF-8: the files themselves, or temporary copies that are."""

from __future__ import annotations

import codecs
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from threading import Lock
from typing import IO

from handgrad.tables.data.csv_dialect import CsvDialect, NotThisEncodingError
from handgrad.tables.data.file_kinds import opened, unpacked
from handgrad.tables.data.locations import Location


class Utf8File:
    """A CSV file as bytes in UTF-8, any part of which can be read.

    Where it is packed or in another encoding, that is a copy in the temporary folder, made when
    something is first read, which goes with this object. The copy does not travel to other
    processes: each makes its own.
    """

    def __init__(self, path: Location, dialect: CsvDialect) -> None:
        self.path, self.dialect, self.place = path, dialect, path.absolute()
        self._forget_copy()

    def _forget_copy(self) -> None:
        self.copy: IO[bytes] | None = None
        self.lock = Lock()  # threads that read by turns share the copy, and its position

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """The bytes, for as long as the context lasts."""
        if not self.dialect.packing and self.dialect.encoding == "utf-8":
            with opened(self.path) as file:
                yield file
            return
        with self.lock:
            if self.copy is None:
                self.copy = self._copied()
                weakref.finalize(self, self.copy.close)
            yield self.copy

    def _copied(self) -> IO[bytes]:
        copy = TemporaryFile()  # noqa: SIM115 - closed with this object
        encoding = self.dialect.encoding
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            for block in unpacked(self.path, self.dialect.packing):
                as_it_is = encoding == "utf-8"  # looked at when it is read
                copy.write(block if as_it_is else decoder.decode(block).encode())
            copy.write(decoder.decode(b"", final=True).encode())
        except BaseException as error:
            copy.close()
            if isinstance(error, UnicodeError):
                raise NotThisEncodingError(self.path, "it", encoding) from error
            raise
        return copy

    def __getstate__(self) -> dict[str, object]:
        return {"path": self.place, "dialect": self.dialect, "place": self.place}

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state)
        self._forget_copy()

"""Standard output that cannot be written to."""

from collections.abc import Iterator
from contextlib import contextmanager

from handgrad.files import FileError, reason


@contextmanager
def told_if_unwritable() -> Iterator[None]:
    """A standard output that cannot be written to is told as a file is."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.filename is not None:  # it was a file after all
            raise
        raise FileError(
            f"standard output could not be written: {reason(error)}",
            "somewhere to write to, with space left",
            "another place for it",
        ) from error

"""Machine code kept on disk, so that the next process need not make it again.

A file holds a checksum, of its key and its content, and the content. What cannot be read, or is
damaged, is made anew; what cannot be written is only slower next time. Beyond `MOST_BYTES` the
oldest files go.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import platformdirs

DIGEST = hashlib.sha256().digest_size
ENDING = ".code"
MOST_BYTES = 2**28  # some thousand programs


def folder() -> Path | None:
    """Where machine code is kept; None where `HANDGRAD_CACHE` is `off`.

    `HANDGRAD_CACHE` may name another folder than the user's usual one for caches.
    """
    chosen = os.environ.get("HANDGRAD_CACHE", "")
    if chosen.lower() in ("off", "0", "no"):
        return None
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("handgrad"))


def kept(key: str, make: Callable[[], bytes]) -> bytes:
    """What was kept under `key`, or what `make` makes, which is then kept."""
    place = folder()
    if place is None:
        return make()
    named = hashlib.sha256(key.encode())
    file = place / (named.hexdigest() + ENDING)
    content = _read(file, named.digest())
    if content is None:
        content = make()
        _write(file, named.digest(), content)
    return content


def files() -> list[Path]:
    """The files of machine code that are kept."""
    place = folder()
    return sorted(place.glob(f"*{ENDING}")) if place is not None and place.is_dir() else []


def clear() -> int:
    """Remove all of them; how many there were."""
    found = files()
    for file in found:
        file.unlink(missing_ok=True)
    return len(found)


def _read(file: Path, key: bytes) -> bytes | None:
    try:
        if not _is_ours(file.parent) or not _is_ours(file) or not file.is_file():  # but a pipe
            return None
        content = file.read_bytes()
    except OSError:
        return None
    digest, code = content[:DIGEST], content[DIGEST:]
    return code if hashlib.sha256(key + code).digest() == digest else None


def _is_ours(path: Path) -> bool:
    """Whether nobody but this user can have written it: what is read here will be run.

    On Windows it is not looked at: there the usual folder is the user's own.
    """
    if not hasattr(os, "getuid"):
        return True
    status = path.stat()
    return status.st_uid == os.getuid() and not status.st_mode & 0o022


def _write(file: Path, key: bytes, code: bytes) -> None:
    with suppress(OSError):
        _make_private(file.parent)
        handle, temporary = tempfile.mkstemp(dir=file.parent)  # readable by this user alone
        try:
            with os.fdopen(handle, "wb") as open_file:
                open_file.write(hashlib.sha256(key + code).digest() + code)
            Path(temporary).replace(file)
        finally:
            Path(temporary).unlink(missing_ok=True)
        _make_room(file)


def _make_private(folder: Path) -> None:
    """Make the folder, and those above it that are not there, for this user alone."""
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)


def _make_room(newest: Path) -> None:
    """Remove the oldest files beside the newest while all of them together are too many."""
    with os.scandir(newest.parent) as entries:
        known = [(e.stat(), e.path) for e in entries if e.name.endswith(ENDING)]
    total = sum(status.st_size for status, _ in known)
    if total <= MOST_BYTES:
        return
    for status, path in sorted(known, key=lambda pair: pair[0].st_mtime_ns):
        if path != str(newest) and total > MOST_BYTES:
            Path(path).unlink(missing_ok=True)
            total -= status.st_size

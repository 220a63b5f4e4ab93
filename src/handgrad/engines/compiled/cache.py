"""Disk cache of machine code, and of what its callers need to know.

A file has a checksum of its key and content, then the content. A file that is damaged or cannot be
read is compiled again; one that cannot be written costs time in the next process, no more. Beyond
`MOST_BYTES` the oldest files are removed.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from handgrad.textbook.version import NAME, VARIABLE_PREFIX

VARIABLE = f"{VARIABLE_PREFIX}CACHE"
DIGEST = hashlib.sha256().digest_size
ENDING = ".code"
MOST_BYTES = 2**28  # some thousand programs


def folder() -> Path | None:
    """The cache folder; None if the environment variable `HANDGRAD_CACHE` is `off`.

    By default it is in the user's folder for caches; `HANDGRAD_CACHE` may name another one.
    """
    chosen = os.environ.get(VARIABLE, "")
    if chosen.lower() in ("off", "0", "no"):
        return None
    if chosen:
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_cache_dir(NAME))


def get_or_make(key: str, make: Callable[[], bytes]) -> bytes:
    """Return the content cached under `key`, or make it and cache it."""
    content = get(key)
    if content is None:
        content = make()
        put(key, content)
    return content


def get(key: str) -> bytes | None:
    """Return the content cached under `key`; None if there is none, or it is damaged."""
    place, named = folder(), hashlib.sha256(key.encode())
    return None if place is None else _read(_file(place, named.hexdigest()), named.digest())


def put(key: str, content: bytes) -> None:
    """Cache the content under `key`."""
    place, named = folder(), hashlib.sha256(key.encode())
    if place is not None:
        _write(_file(place, named.hexdigest()), named.digest(), content)


def _file(place: Path, name: str) -> Path:
    return place / (name + ENDING)


def files() -> list[Path]:
    """The cached files."""
    place = folder()
    return sorted(place.glob(f"*{ENDING}")) if place is not None and place.is_dir() else []


def clear() -> int:
    """Remove all cached files; returns their number."""
    cached = files()
    for file in cached:
        file.unlink(missing_ok=True)
    return len(cached)


def _read(file: Path, key: bytes) -> bytes | None:
    try:
        if not _is_ours(file.parent) or not _is_ours(file) or not file.is_file():  # such as a pipe
            return None
        content = file.read_bytes()
    except OSError:
        return None
    digest, code = content[:DIGEST], content[DIGEST:]
    return code if hashlib.sha256(key + code).digest() == digest else None


def _is_ours(path: Path) -> bool:
    """True if only this user can have written a path: cached code is executed.

    Not checked on Windows, where the usual folder belongs to the user.
    """
    if not hasattr(os, "getuid"):
        return True
    status = path.stat()
    return status.st_uid == os.getuid() and not status.st_mode & 0o022


def _write(file: Path, key: bytes, code: bytes) -> None:
    with suppress(OSError):
        _make_private(file.parent)
        handle, temporary = tempfile.mkstemp(dir=file.parent)  # readable by this user only
        try:
            with os.fdopen(handle, "wb") as open_file:
                open_file.write(hashlib.sha256(key + code).digest() + code)
            Path(temporary).replace(file)
        finally:
            Path(temporary).unlink(missing_ok=True)
        _make_room(file)


def _make_private(folder: Path) -> None:
    """Make a folder and its missing parents, accessible to this user only."""
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)


def _make_room(newest: Path) -> None:
    """Remove the oldest files while all together exceed `MOST_BYTES`; the newest stays."""
    with os.scandir(newest.parent) as entries:
        cached = [(e.stat(), e.path) for e in entries if e.name.endswith(ENDING)]
    total = sum(status.st_size for status, _ in cached)
    if total <= MOST_BYTES:
        return
    for status, path in sorted(cached, key=lambda pair: pair[0].st_mtime_ns):
        if path != str(newest) and total > MOST_BYTES:
            Path(path).unlink(missing_ok=True)
            total -= status.st_size

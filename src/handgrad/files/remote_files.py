"""Remote files: tables on S3, Google Cloud Storage, HDFS and others, by address."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from glob import has_magic
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

import pyarrow as pa
from pyarrow import fs

from handgrad.files.addresses import CREDENTIALS, root_of, without_query
from handgrad.files.paths import KINDS_OF_TABLES, FileStatus
from handgrad.textbook.errors import FileError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SCHEMES = "a path, or an address: s3://, gs://, abfs://, hdfs://, file://"
ATTEMPTS = 4  # of S3, 3 s each
BUFFER = 2**20  # smallest number of bytes per request
OPTIONS_OF_S3 = ("scheme", "endpoint_override", "tls_ca_file_path")
# Patterns of errors of pyarrow's file systems, with the expected state and a hint.
REASONS = (
    (
        "ACCESS_DENIED|PERMISSION_DENIED|UNAUTHENTICATED|FORBIDDEN|INVALID_ACCESS_KEY|SIGNATURE"
        "|EXPIRED|TOKEN|Credential|Authentication|AccessControl|HTTP status code 40[13]",
        "credentials with read access to the bucket on every node that reads",
        "{credentials}, set in this environment",
    ),
    ("NO_SUCH_BUCKET|Bucket '.*' not found", "an existing bucket", "check its name"),
    (
        "libhdfs|JVM|CLASSPATH",
        "Hadoop's library libhdfs on every node that reads",
        "HADOOP_HOME and JAVA_HOME, and CLASSPATH=$(hadoop classpath --glob)",
    ),
    (
        "NETWORK_CONNECTION|UNAVAILABLE|curl|resolve|[Tt]imed? ?out|[Cc]onnect",
        "a reachable store",
        "check the network and the address; ?endpoint_override=HOST:PORT&scheme=http, for your own "
        "store",
    ),
    ("query parameter", "parameters that pyarrow knows", "?region=eu-central-1, for example"),
)


@dataclass(frozen=True)
class RemoteFile:
    """File at an address such as s3://bucket/folder/a.parquet, with the interface of a Path.

    `root` is the address of its file system, `path` its path on it, `status` its size and time when
    it was listed. A pickle has no credentials: each process opens the file system with its own.
    """

    address: str
    root: str
    path: str
    status: FileStatus

    def __str__(self) -> str:
        return self.address

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.path).suffix

    @property
    def stem(self) -> str:
        return PurePosixPath(self.path).stem

    def absolute(self) -> RemoteFile:
        return self

    resolve = absolute

    def open(self, mode: str = "rb") -> io.BufferedReader:
        """Open the file; bytes are fetched as they are read."""
        return io.BufferedReader(RemoteBytes(self), BUFFER)

    def stream(self) -> pa.NativeFile:
        """Open the file as a pyarrow file."""
        with errors_of(self.address):
            return _filesystem(self.root)[0].open_input_file(self.path)

    def status_now(self) -> FileStatus | None:
        """Current size and time; None if the file does not exist any more."""
        with errors_of(self.address):
            info = _filesystem(self.root)[0].get_file_info(self.path)
        return _status(info) if info.type == fs.FileType.File else None


class RemoteBytes(io.RawIOBase):
    """Raw stream of a remote file; errors name its address."""

    def __init__(self, file: RemoteFile) -> None:
        self.address, self.stream = file.address, file.stream()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        try:
            position: int = self.stream.seek(offset, whence)
        except pa.ArrowInvalid as error:  # before the start, where zipfile seeks too
            raise OSError(str(error)) from error
        return position

    def readinto(self, buffer: WriteableBuffer) -> int:
        with errors_of(self.address):
            n: int = self.stream.readinto(buffer)
        return n

    def readall(self) -> bytes:
        with errors_of(self.address):
            content: bytes = self.stream.read()
        return content

    def close(self) -> None:
        if not self.closed:
            self.stream.close()
        super().close()


def files_at(address: str) -> tuple[RemoteFile, ...]:
    """Files at an address, which may be a pattern, sorted by name."""
    name = without_query(address)
    root, inside = root_of(name, address[len(name) + 1 :])
    with errors_of(name):
        system, base = _filesystem(root)
        path = f"{base}/{unquote(inside).strip('/')}"
        if has_magic(inside):
            infos = [i for i in _matching(system, path) if i.type == fs.FileType.File]
            infos.sort(key=lambda info: info.path)
        else:
            infos = [system.get_file_info(path.rstrip("/") or "/")]
        if not infos or infos[0].type != fs.FileType.File:
            raise _no_file(name, system, base, infos)
    above = without_query(root)
    return tuple(
        RemoteFile(above + info.path[len(base) :].lstrip("/"), root, info.path, _status(info))
        for info in infos
    )


@cache
def _filesystem(root: str) -> tuple[fs.FileSystem, str]:
    """Open the file system of an address; returns it and the base path."""
    system, base = fs.FileSystem.from_uri(root)
    if system.type_name == "s3":  # the default retries for minutes
        query = dict(parse_qsl(urlsplit(root).query))
        system = fs.S3FileSystem(
            region=system.region or None,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
            force_virtual_addressing=query.get("force_virtual_addressing") in ("true", "1"),
            **{name: query[name] for name in OPTIONS_OF_S3 if name in query},
        )
    return system, base.rstrip("/")


def _matching(system: fs.FileSystem, pattern: str) -> Iterator[fs.FileInfo]:
    """Iterate over the matches of a pattern, folder by folder: `*` does not match `/`."""
    above, _, name = pattern.rpartition("/")
    if not has_magic(above):
        folders = [above or "/"]
    else:
        matches = _matching(system, above)
        folders = [info.path for info in matches if info.type == fs.FileType.Directory]
    for folder in folders:
        if not has_magic(name):
            yield system.get_file_info(f"{folder.rstrip('/')}/{name}")
            continue
        for info in system.get_file_info(fs.FileSelector(folder, allow_not_found=True)):
            hidden = info.base_name.startswith(".") and not name.startswith(".")
            if not hidden and fnmatchcase(info.base_name, name):
                yield info


def _no_file(
    name: str, system: fs.FileSystem, base: str, found: Sequence[fs.FileInfo]
) -> FileError:
    """FileError for an address of a folder, or of nothing."""
    if found and found[0].type == fs.FileType.Directory:
        return FileError(
            f"{name}: a folder", KINDS_OF_TABLES, f"{name.rstrip('/')}/*.parquet, for all of them"
        )
    if base and system.get_file_info(base).type == fs.FileType.NotFound:
        return FileError(f"{name}: no such bucket", "an existing bucket", "check its name")
    if not found:
        return FileError(
            f"{name}: no file matches", "at least one file", "check the pattern, and the folder"
        )
    return FileError(f"{name}: no such file", KINDS_OF_TABLES, "check the spelling, and the folder")


def _status(info: fs.FileInfo) -> FileStatus:
    return FileStatus(info.size, (info.mtime_ns or 0) // 10**9)


@contextmanager
def errors_of(address: str) -> Iterator[None]:
    """Turn errors of a file system into errors about this address."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise refused(address, error) from error


def refused(address: str, error: Exception) -> FileError:
    """Turn an error of pyarrow's file systems into a FileError with a hint."""
    scheme, text = address.partition("://")[0].lower(), str(error)
    came = f"{address}: {text.splitlines()[0] if text else type(error).__name__}"
    if "Unrecognized filesystem type" in text:
        hint = "download it first" if scheme.startswith(("http", "ftp")) else "s3://…"
        return FileError(f"{address}: no file system for {scheme}://", SCHEMES, hint)
    kind = {"gcs": "gs", "abfss": "abfs", "viewfs": "hdfs"}.get(scheme, scheme)
    expected, hint = reason_of(error) or ("a file that can be read", "check the address")
    return FileError(came, expected, hint.format(credentials=CREDENTIALS.get(kind, "credentials")))


def reason_of(error: Exception) -> tuple[str, str] | None:
    """Expected state and hint for a store's error; None for other errors."""
    text = re.sub("'[^']*'", "''", str(error))  # ignore file names
    return next((words[1:] for words in REASONS if re.search(words[0], text)), None)

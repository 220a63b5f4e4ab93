"""Remote files: tables on S3, Google Cloud Storage, HDFS and others, found by their addresses."""

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
from handgrad.files.paths import FileStatus
from handgrad.textbook.errors import FileError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SCHEMES = "a path, or an address: s3://, gs://, abfs://, hdfs://, file://"
ATTEMPTS = 4  # so often is S3 asked, for 3 s each time
BUFFER = 2**20  # bytes that are fetched at once at least
OPTIONS_OF_S3 = ("scheme", "endpoint_override", "tls_ca_file_path")
# Words of the errors of pyarrow's filesystems, what is expected, and what to try.
REASONS = (
    (
        "ACCESS_DENIED|PERMISSION_DENIED|UNAUTHENTICATED|FORBIDDEN|INVALID_ACCESS_KEY|SIGNATURE"
        "|EXPIRED|TOKEN|Credential|Authentication|AccessControl|HTTP status code 40[13]",
        "credentials on every node that reads, for a bucket that they may read",
        "{credentials}, set where this runs",
    ),
    ("NO_SUCH_BUCKET|Bucket '.*' not found", "one that is there", "check its name"),
    (
        "libhdfs|JVM|CLASSPATH",
        "Hadoop's library libhdfs on every node that reads",
        "HADOOP_HOME and JAVA_HOME, and CLASSPATH=$(hadoop classpath --glob)",
    ),
    (
        "NETWORK_CONNECTION|UNAVAILABLE|curl|resolve|[Tt]imed? ?out|[Cc]onnect",
        "a store that answers",
        "check the network and the address; ?endpoint_override=HOST:PORT&scheme=http, as for a "
        "store of your own",
    ),
    ("query parameter", "parameters that pyarrow knows", "?region=eu-central-1, for one"),
)


@dataclass(frozen=True)
class RemoteFile:
    """A file by its address, such as s3://bucket/folder/a.parquet.

    It opens as a path of this machine does. `root` is the address of its filesystem, `path` its
    place there, `status` its size and time when it was found. Pickled, it takes no credentials
    along: each process opens the filesystem with those that it finds itself.
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
        """The bytes of the file, fetched as they are read."""
        return io.BufferedReader(RemoteBytes(self), BUFFER)

    def stream(self) -> pa.NativeFile:
        """The bytes of the file, as pyarrow's own file."""
        with errors_of(self.address):
            return _filesystem(self.root)[0].open_input_file(self.path)

    def status_now(self) -> FileStatus | None:
        """Its size and time as they are, None where it is not there any more."""
        with errors_of(self.address):
            found = _filesystem(self.root)[0].get_file_info(self.path)
        return _status(found) if found.type == fs.FileType.File else None


class RemoteBytes(io.RawIOBase):
    """The bytes of a remote file; what goes wrong is said with its address."""

    def __init__(self, file: RemoteFile) -> None:
        self.address, self.stream = file.address, file.stream()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        try:
            position: int = self.stream.seek(offset, whence)
        except pa.ArrowInvalid as error:  # before the begin, where zipfile looks too
            raise OSError(str(error)) from error
        return position

    def readinto(self, buffer: WriteableBuffer) -> int:
        with errors_of(self.address):
            n: int = self.stream.readinto(buffer)
        return n

    def readall(self) -> bytes:
        with errors_of(self.address):
            found: bytes = self.stream.read()
        return found

    def close(self) -> None:
        if not self.closed:
            self.stream.close()
        super().close()


def files_at(address: str) -> tuple[RemoteFile, ...]:
    """The file at an address, or all that match a pattern, in the order of their names."""
    name = without_query(address)
    root, inside = root_of(name, address[len(name) + 1 :])
    with errors_of(name):
        system, base = _filesystem(root)
        path = f"{base}/{unquote(inside).strip('/')}"
        if has_magic(inside):
            found = [i for i in _matching(system, path) if i.type == fs.FileType.File]
            found.sort(key=lambda info: info.path)
        else:
            found = [system.get_file_info(path.rstrip("/") or "/")]
        if not found or found[0].type != fs.FileType.File:
            raise _no_file(name, system, base, found)
    above = without_query(root)
    return tuple(
        RemoteFile(above + info.path[len(base) :].lstrip("/"), root, info.path, _status(info))
        for info in found
    )


@cache
def _filesystem(root: str) -> tuple[fs.FileSystem, str]:
    """The filesystem at an address, and where on it the address is."""
    system, base = fs.FileSystem.from_uri(root)
    if system.type_name == "s3":  # by itself it tries for minutes
        query = dict(parse_qsl(urlsplit(root).query))
        system = fs.S3FileSystem(
            region=system.region or None,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
            force_virtual_addressing=query.get("force_virtual_addressing") in ("true", "1"),
            **{name: query[name] for name in OPTIONS_OF_S3 if name in query},
        )
    return system, base.rstrip("/")


def _matching(system: fs.FileSystem, pattern: str) -> Iterator[fs.FileInfo]:
    """What matches a pattern, folder by folder: `*` stands for no `/`."""
    above, _, name = pattern.rpartition("/")
    if not has_magic(above):
        folders = [above or "/"]
    else:
        found = _matching(system, above)
        folders = [info.path for info in found if info.type == fs.FileType.Directory]
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
    """What to say where a folder is, or nothing."""
    wanted = "a CSV file with a header line, or a Parquet file"
    if found and found[0].type == fs.FileType.Directory:
        return FileError(
            f"{name}: a folder", wanted, f"{name.rstrip('/')}/*.parquet, for all of them"
        )
    if base and system.get_file_info(base).type == fs.FileType.NotFound:
        return FileError(f"{name}: no such bucket", "one that is there", "check its name")
    if not found:
        return FileError(
            f"{name}: no file matches", "one or more", "check the pattern, and the folder"
        )
    return FileError(f"{name}: no such file", wanted, "check the spelling, and the folder")


def _status(info: fs.FileInfo) -> FileStatus:
    return FileStatus(info.size, (info.mtime_ns or 0) // 10**9)


@contextmanager
def errors_of(address: str) -> Iterator[None]:
    """Errors of a filesystem within are said of this address."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise refused(address, error) from error


def refused(address: str, error: Exception) -> FileError:
    """What pyarrow's filesystems say, with what was expected and what to try."""
    scheme, said = address.partition("://")[0].lower(), str(error)
    came = f"{address}: {said.splitlines()[0] if said else type(error).__name__}"
    if "Unrecognized filesystem type" in said:
        hint = "fetch it to this machine first" if scheme.startswith(("http", "ftp")) else "s3://…"
        return FileError(f"{address}: no filesystem is known by {scheme}://", SCHEMES, hint)
    kind = {"gcs": "gs", "abfss": "abfs", "viewfs": "hdfs"}.get(scheme, scheme)
    expected, hint = reason_of(error) or ("a file that can be read", "check the address")
    return FileError(came, expected, hint.format(credentials=CREDENTIALS.get(kind, "credentials")))


def reason_of(error: Exception) -> tuple[str, str] | None:
    """What the store expected, and what to try, where an error is one of a store."""
    said = re.sub("'[^']*'", "''", str(error))  # the names of files say nothing
    return next((words[1:] for words in REASONS if re.search(words[0], said)), None)

"""HTTP server with bounds on connections, headers, bodies and time; a thread per connection."""

from __future__ import annotations

import io
import json
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import takewhile
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from handgrad.files.paths import reason
from handgrad.textbook.errors import HandgradError, SettingError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Connection = (
    socket.socket | tuple[bytes, socket.socket]
)  # the tuple is for datagrams, by inheritance
PATIENCE = 20.0  # seconds without data from a client, and for the whole header
MOST_SECONDS = 120.0  # for a request body
PIECE = 2**20
MOST_WAITING = 128  # connections
MOST_AT_ONCE = 256  # connections, one thread each; a page has at most six
FULL = b"HTTP/1.0 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Answer:
    """A response: bytes of a type, or a stream of pieces."""

    content: bytes | Generator[bytes]
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """A request: its body and its query."""

    body: bytes
    query: Mapping[str, str]

    def json(self) -> dict[str, Any]:
        """The JSON object of the body."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise SettingError("a body that is not JSON", "a JSON object", "send one") from error
        if not isinstance(value, dict):
            raise SettingError("JSON that is not an object", "a JSON object", "send one")
        return value


def parts_of(error: Exception) -> dict[str, str]:
    """The parts of an error, as the page shows them."""
    if isinstance(error, HandgradError):
        return {name: getattr(error, name) for name in ("came", "expected", "hint", "where")}
    came = f"{type(error).__name__}: {error}"
    return {"came": came, "expected": "an answer", "hint": "report it", "where": ""}


class BoundedServer(ThreadingHTTPServer):
    """HTTP server of pages with a `policy`, their Content-Security-Policy. Port 0 is a free one.

    Subclasses serve by a handler derived from `BoundedHandler`.
    """

    daemon_threads = True
    request_queue_size = MOST_WAITING
    most_at_once = MOST_AT_ONCE
    is_closed = False
    policy = "default-src 'none'"

    def __init__(self, host: str, port: int, handler: type[BoundedHandler]) -> None:
        self.at_end = list[Callable[[], object]]()
        self._places = threading.BoundedSemaphore(self.most_at_once)
        super().__init__((host, port), handler)

    def server_bind(self) -> None:
        """Bind without a look-up of this machine's name.

        A port in use is an error. On Windows "reuse" would share it with another server; elsewhere
        it allows a port whose last connection has just closed.
        """
        exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)
        self.allow_reuse_address = exclusive is None
        if exclusive is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, exclusive, 1)
        try:
            TCPServer.server_bind(self)
        except (OSError, OverflowError, TypeError) as error:
            raise SettingError(
                f"port {self.server_address[1]!r}: {reason(error)}",
                "a free port from 1024 to 65535, or 0 for any free one",
                "another port, or none to use a free one",
            ) from error
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def process_request(self, request: Connection, client_address: object) -> None:
        """Answer in a thread; refuse when there are too many connections."""
        if self._places.acquire(blocking=False):
            try:
                super().process_request(request, client_address)
            except RuntimeError:  # no more threads
                self._places.release()
            else:
                return
        with suppress(OSError):
            if isinstance(request, socket.socket):
                request.setblocking(False)
                request.send(FULL)
        self.shutdown_request(request)

    def process_request_thread(self, request: Connection, client_address: object) -> None:
        """Answer, then release the slot of the connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def server_close(self) -> None:
        """Stop the server and its streams."""
        self.is_closed = True
        super().server_close()
        for act in self.at_end:
            act()

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore closed connections; other errors have been answered."""


class RefusedError(Exception):
    """A request that is refused with an HTTP status, and headers."""

    def __init__(self, status: HTTPStatus, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.status, self.headers = status, headers or {}


class IncomingBytes(io.RawIOBase):
    """Reads from a connection until a deadline, so that slow senders cannot block forever."""

    def __init__(self, connection: socket.socket, patience: float) -> None:
        self.connection, self.patience = connection, patience
        self.end = time.monotonic() + patience

    def readable(self) -> bool:
        """Always true."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read available bytes; raises TimeoutError after the deadline."""
        left = self.end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.connection.settimeout(min(self.patience, left))
        try:
            return self.connection.recv_into(buffer)
        finally:
            self.connection.settimeout(self.patience)


class BoundedHandler(BaseHTTPRequestHandler):
    """Handler of one request per connection."""

    server: BoundedServer
    timeout = PATIENCE
    most_bytes = 64 * 2**20  # of a request body
    server_version, sys_version = "handgrad", ""

    def setup(self) -> None:
        """Set a deadline for the header."""
        super().setup()
        self.rfile.close()
        self.incoming = IncomingBytes(self.connection, self.timeout)
        self.rfile = io.BufferedReader(self.incoming)

    def asked(self) -> SplitResult:
        """The URL of the request."""
        try:
            return urlsplit(self.path)
        except ValueError as error:
            raise RefusedError(HTTPStatus.BAD_REQUEST) from error

    def body(self) -> bytes:
        """Read the body; without a length or too long, it is refused unread."""
        length = self.headers.get("Content-Length", "")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            raise RefusedError(HTTPStatus.LENGTH_REQUIRED)
        if len(length) > 12 or int(length) > self.most_bytes:
            raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        self.incoming.end = time.monotonic() + MOST_SECONDS
        parts, left = list[bytes](), int(length)
        while left:
            try:
                part = self.rfile.read1(min(left, PIECE))
            except TimeoutError as error:
                raise RefusedError(HTTPStatus.REQUEST_TIMEOUT) from error
            if not part:
                raise RefusedError(HTTPStatus.BAD_REQUEST)
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Turn errors into responses: a status, or the three parts of an error."""
        try:
            yield
        except RefusedError as refused:
            self._fail(refused.status, {}, refused.headers)
        except HandgradError as error:
            self._fail(HTTPStatus.UNPROCESSABLE_ENTITY, parts_of(error))
        except OSError:  # the client has closed the connection
            self.close_connection = True
        except Exception as error:  # the page shows it; the server continues
            self._fail(HTTPStatus.INTERNAL_SERVER_ERROR, parts_of(error))

    def _fail(
        self,
        status: HTTPStatus,
        parts: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
    ) -> None:
        parts = parts or {"came": status.phrase, "expected": "", "hint": "", "where": ""}
        with suppress(OSError):
            self.send(Answer(json.dumps(parts).encode(), headers=headers or {}), status)

    def send(self, answer: Answer, status: HTTPStatus = HTTPStatus.OK) -> None:
        """Send an answer with the headers of all pages."""
        self.send_response(status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Security-Policy", self.server.policy)
        for name, value in {**HEADERS, **answer.headers}.items():
            self.send_header(name, value)
        if isinstance(answer.content, bytes):
            self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        if isinstance(answer.content, bytes):
            self.wfile.write(answer.content)
            return
        with closing(answer.content) as pieces:
            for piece in takewhile(lambda _: not self.server.is_closed, pieces):
                self.wfile.write(piece)

    def log_message(self, format: str, *args: object) -> None:
        """Write no log."""

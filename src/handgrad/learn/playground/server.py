"""The playground's server, for one person on this machine: the page, and what needs Python."""

from __future__ import annotations

import io
import json
import secrets
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import takewhile
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, parse_qs, urlsplit

from handgrad.files.paths import reason
from handgrad.learn.playground.document import document, policy
from handgrad.textbook.errors import HandgradError, SettingError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Connection = socket.socket | tuple[bytes, socket.socket]  # the second of datagrams, as it inherits
ADDRESS = "127.0.0.1"
TOKEN = "X-Handgrad-Token"
MOST_BYTES = 64 * 2**20  # of what is sent to it at once
PATIENCE = 20.0  # seconds for which one who sends may be silent, and for all of the header
MOST_SECONDS = 120.0  # for which one may go on sending
PIECE = 2**20
MOST_WAITING = 128  # connections
MOST_AT_ONCE = 256  # connections, each with a thread: a page has six at most
FULL = b"HTTP/1.0 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True)
class Answer:
    """What is sent back: bytes of a type, or pieces as they come."""

    content: bytes | Generator[bytes]
    kind: str = "application/json"


@dataclass(frozen=True)
class Request:
    """What a page sent: the bytes, and the words of its query."""

    body: bytes
    query: Mapping[str, str]

    def said(self) -> dict[str, Any]:
        """The JSON object that was sent."""
        try:
            said = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise SettingError("a body that is no JSON", "an object of JSON", "send one") from error
        if not isinstance(said, dict):
            raise SettingError("JSON that is no object", "an object of JSON", "send one")
        return said


Route = Callable[[Request], Answer]


def parts_of(error: Exception) -> dict[str, str]:
    """What the page is told of an error, in the parts of handgrad's."""
    if isinstance(error, HandgradError):
        return {name: getattr(error, name) for name in ("came", "expected", "hint", "where")}
    came = f"{type(error).__name__}: {error}"
    return {"came": came, "expected": "an answer", "hint": "report it", "where": ""}


class PlaygroundServer(ThreadingHTTPServer):
    """Answers the page of one person; see docs/playground.md for what it refuses.

    `routes` are what pages may ask for by POST, by name. A port of 0 is a free one.
    """

    daemon_threads = True
    request_queue_size = MOST_WAITING
    is_closed = False

    def __init__(self, routes: Mapping[str, Route], port: int = 0) -> None:
        self.routes, self.token = routes, secrets.token_urlsafe(24)
        self.page = document(near=True).encode()
        self.policy = f"{policy(near=True)}; frame-ancestors 'none'"
        self.at_end = list[Callable[[], object]]()
        self._places = threading.BoundedSemaphore(MOST_AT_ONCE)
        super().__init__((ADDRESS, port), _Handler)
        self.hosts = {f"{name}:{self.server_port}" for name in (ADDRESS, "localhost")}

    @property
    def url(self) -> str:
        """The page's address, with the token that it needs."""
        return f"http://{ADDRESS}:{self.server_port}/#token={self.token}"

    def server_bind(self) -> None:
        """As every server, but that nobody is asked what this machine is called.

        A port that another server has is refused. On Windows "reuse" would mean to share it, and
        who gets a request would be chance; elsewhere it means a port of which the last connection
        has just ended.
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
                "a port of this machine that is free, from 1024 to 65535, or 0 for any that is",
                "another port, or none, so that a free one is found",
            ) from error
        self.server_name, self.server_port = ADDRESS, self.server_address[1]

    def process_request(self, request: Connection, client_address: object) -> None:
        """Answer in a thread of its own; of more than so many at once nobody is heard."""
        if self._places.acquire(blocking=False):
            try:
                super().process_request(request, client_address)
            except RuntimeError:  # the system has no more threads
                self._places.release()
            else:
                return
        with suppress(OSError):
            if isinstance(request, socket.socket):
                request.setblocking(False)
                request.send(FULL)
        self.shutdown_request(request)

    def process_request_thread(self, request: Connection, client_address: object) -> None:
        """Answer, and make place for another."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def server_close(self) -> None:
        """End it, and what it is sending."""
        self.is_closed = True
        super().server_close()
        for act in self.at_end:
            act()

    def handle_error(self, request: object, client_address: object) -> None:
        """One who hangs up is no news; what else goes wrong has been answered."""


class _RefusedError(Exception):
    """A request that is not answered, and with which status."""


class _Incoming(io.RawIOBase):
    """What comes by a connection until a time: each byte in time would be a wait without end."""

    def __init__(self, connection: socket.socket, patience: float) -> None:
        self.connection, self.patience = connection, patience
        self.end = time.monotonic() + patience

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Bytes, as soon as there are any; a TimeoutError where the time is over."""
        left = self.end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.connection.settimeout(min(self.patience, left))
        try:
            return self.connection.recv_into(buffer)
        finally:
            self.connection.settimeout(self.patience)


class _Handler(BaseHTTPRequestHandler):
    """One request, on a connection of its own."""

    server: PlaygroundServer
    timeout = PATIENCE
    server_version, sys_version = "handgrad", ""

    def setup(self) -> None:
        """As ever, but that the header may take only so long in all."""
        super().setup()
        self.rfile.close()
        self.incoming = _Incoming(self.connection, self.timeout)
        self.rfile = io.BufferedReader(self.incoming)

    def do_GET(self) -> None:
        """The page, which holds nothing of anyone: rows come by POST, to the one with the token."""
        with self._refusing():
            self._check_host()
            if self._asked().path != "/":
                raise _RefusedError(HTTPStatus.NOT_FOUND)
            self._send(Answer(self.server.page, "text/html; charset=utf-8"))

    def do_POST(self) -> None:
        """What a page asks for; only a page of this server, with its token."""
        with self._refusing():
            self._check_host()
            hosts = {f"http://{host}" for host in self.server.hosts}
            if self.headers.get_all("Origin", []) not in [[host] for host in hosts]:
                raise _RefusedError(HTTPStatus.FORBIDDEN)
            token = self.headers.get(TOKEN, "")
            if not secrets.compare_digest(token.encode(), self.server.token.encode()):
                raise _RefusedError(HTTPStatus.UNAUTHORIZED)
            asked = self._asked()
            route = self.server.routes.get(asked.path.removeprefix("/"))
            if route is None:
                raise _RefusedError(HTTPStatus.NOT_FOUND)
            query = {name: values[-1] for name, values in parse_qs(asked.query).items()}
            self._send(route(Request(self._body(), query)))

    def _asked(self) -> SplitResult:
        """The address that was asked for."""
        try:
            return urlsplit(self.path)
        except ValueError as error:
            raise _RefusedError(HTTPStatus.BAD_REQUEST) from error

    def _check_host(self) -> None:
        """Refuse a page of another name which its owner has pointed at this machine."""
        if self.headers.get_all("Host", []) not in [[host] for host in self.server.hosts]:
            raise _RefusedError(HTTPStatus.MISDIRECTED_REQUEST)

    def _body(self) -> bytes:
        """What was sent: of a length that is said, refused unread where it is too long."""
        length = self.headers.get("Content-Length", "")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            raise _RefusedError(HTTPStatus.LENGTH_REQUIRED)
        if len(length) > 12 or int(length) > MOST_BYTES:
            raise _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        self.incoming.end = time.monotonic() + MOST_SECONDS
        parts, left = list[bytes](), int(length)
        while left:
            try:
                part = self.rfile.read1(min(left, PIECE))
            except TimeoutError as error:
                raise _RefusedError(HTTPStatus.REQUEST_TIMEOUT) from error
            if not part:
                raise _RefusedError(HTTPStatus.BAD_REQUEST)
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        """Answer what is not as it should be: by a status, or by the three parts of an error."""
        try:
            yield
        except _RefusedError as refused:
            self._fail(refused.args[0], {})
        except HandgradError as error:
            self._fail(HTTPStatus.UNPROCESSABLE_ENTITY, parts_of(error))
        except OSError:  # nobody is there any more
            self.close_connection = True
        except Exception as error:  # the page says it; the server goes on
            self._fail(HTTPStatus.INTERNAL_SERVER_ERROR, parts_of(error))

    def _fail(self, status: HTTPStatus, said: Mapping[str, str]) -> None:
        said = said or {"came": status.phrase, "expected": "", "hint": "", "where": ""}
        with suppress(OSError):
            self._send(Answer(json.dumps(said).encode()), status)

    def _send(self, answer: Answer, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Security-Policy", self.server.policy)
        for name, value in HEADERS.items():
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
        """Nobody reads along."""

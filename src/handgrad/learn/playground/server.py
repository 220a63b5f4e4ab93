"""Server of the playground, for one user of this machine: the page, and what needs Python."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from http import HTTPStatus
from urllib.parse import parse_qs

from handgrad.learn.bounded_server import (
    Answer,
    BoundedHandler,
    BoundedServer,
    RefusedError,
    Request,
)
from handgrad.learn.playground.document import document, policy

ADDRESS = "127.0.0.1"
TOKEN = "X-Handgrad-Token"
Route = Callable[[Request], Answer]


class PlaygroundServer(BoundedServer):
    """HTTP server of one user's page; docs/playground.md describes its security.

    `routes` are the handlers of POST requests, by name. Port 0 is a free one.
    """

    def __init__(self, routes: Mapping[str, Route], port: int = 0) -> None:
        self.routes, self.token = routes, secrets.token_urlsafe(24)
        self.page = document(near=True).encode()
        self.policy = f"{policy(near=True)}; frame-ancestors 'none'"
        super().__init__(ADDRESS, port, _Handler)
        self.hosts = {f"{name}:{self.server_port}" for name in (ADDRESS, "localhost")}

    @property
    def url(self) -> str:
        """Address of the page, with its token."""
        return f"http://{ADDRESS}:{self.server_port}/#token={self.token}"


class _Handler(BoundedHandler):
    """Handler of one request per connection."""

    server: PlaygroundServer

    def do_GET(self) -> None:  # noqa: N802
        """Send the page, which contains no user data: rows are sent by POST, with the token."""
        with self.refusing():
            self._check_host()
            if self.asked().path != "/":
                raise RefusedError(HTTPStatus.NOT_FOUND)
            framing = {"X-Frame-Options": "DENY"}
            self.send(Answer(self.server.page, "text/html; charset=utf-8", framing))

    def do_POST(self) -> None:  # noqa: N802
        """Run a route, for a page of this server with its token."""
        with self.refusing():
            self._check_host()
            hosts = {f"http://{host}" for host in self.server.hosts}
            if self.headers.get_all("Origin", []) not in [[host] for host in hosts]:
                raise RefusedError(HTTPStatus.FORBIDDEN)
            token = self.headers.get(TOKEN, "")
            if not secrets.compare_digest(token.encode(), self.server.token.encode()):
                raise RefusedError(HTTPStatus.UNAUTHORIZED)
            asked = self.asked()
            route = self.server.routes.get(asked.path.removeprefix("/"))
            if route is None:
                raise RefusedError(HTTPStatus.NOT_FOUND)
            query = {name: values[-1] for name, values in parse_qs(asked.query).items()}
            self.send(route(Request(self.body(), query)))

    def _check_host(self) -> None:
        """Refuse other host names, against DNS rebinding."""
        if self.headers.get_all("Host", []) not in [[host] for host in self.server.hosts]:
            raise RefusedError(HTTPStatus.MISDIRECTED_REQUEST)

"""A server of the playground to ask, as pages and as others do."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from typing import Any

from handgrad.learn.playground.routes import Routes
from handgrad.learn.playground.server import ADDRESS, TOKEN, PlaygroundServer
from tests.waiting import HANG


@dataclass(frozen=True)
class Asked:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Serving:
    """A server that runs, and what its own page sends."""

    server: PlaygroundServer

    def headers(self, **others: str | None) -> dict[str, str]:
        """Those of the page, with others in their place: `Host=None` leaves one out."""
        port = self.server.server_port
        own: dict[str, str | None] = {
            "Host": f"{ADDRESS}:{port}",
            "Origin": f"http://{ADDRESS}:{port}",
            TOKEN: self.server.token,
        }
        found = own | {name.replace("_", "-"): value for name, value in others.items()}
        return {name: value for name, value in found.items() if value is not None}

    def begin(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> HTTPResponse:
        """The answer as it begins, with no header but these and the body's length."""
        connection = HTTPConnection(ADDRESS, self.server.server_port, timeout=HANG)
        with ExitStack() as on_error:
            on_error.callback(connection.close)
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            length = {} if body is None else {"Content-Length": str(len(body))}
            for name, value in {**length, **headers}.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            on_error.pop_all()  # the answer closes it
        return answer

    def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Asked:
        """The whole answer."""
        answer = self.begin(method, path, headers, body)
        with answer:
            return Asked(answer.status, dict(answer.headers), answer.read())

    def post(self, path: str, said: object, **others: str | None) -> Asked:
        """What the page asks for."""
        body = said if isinstance(said, bytes) else json.dumps(said).encode()
        return self.ask("POST", f"/{path}", self.headers(**others), body)


@contextmanager
def serving(routes: Routes) -> Iterator[Serving]:
    """A server of these routes, on a free port."""
    server = PlaygroundServer(routes.all())
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Serving(server)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""The server answers the page of one person, and nobody else who can reach its port."""

import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from handgrad.learn import bounded_server
from handgrad.learn.playground import server as module
from handgrad.learn.playground.document import document, policy, words
from handgrad.learn.playground.routes import Routes
from handgrad.learn.playground.server import ADDRESS, TOKEN
from tests.learn.playground.serving import Serving, serving
from tests.waiting import HANG


@pytest.fixture(scope="module")
def running() -> Iterator[Serving]:
    with serving(Routes({"state": {"secret": "rows"}})) as found:
        yield found


def test_the_page_is_for_all_and_holds_nothing_of_anyone(running: Serving) -> None:
    found = running.ask("GET", "/", {"Host": f"{ADDRESS}:{running.server.server_port}"})
    assert (found.status, found.body.decode()) == (200, document(near=True))
    assert b"secret" not in found.body
    assert running.server.token.encode() not in found.body
    assert (
        found.headers["Content-Security-Policy"] == f"{policy(near=True)}; frame-ancestors 'none'"
    )
    assert found.headers["X-Content-Type-Options"] == "nosniff"
    assert running.server.url.endswith(f"/#token={running.server.token}")


def test_the_token_opens_what_was_given(running: Serving) -> None:
    assert running.post("given", {}).json() == {"state": {"secret": "rows"}, "whole": False}
    local = f"localhost:{running.server.server_port}"
    assert running.post("given", {}, Host=local, Origin=f"http://{local}").status == 200


@pytest.mark.parametrize(
    ("others", "status"),
    [
        ({"Host": None}, 421),
        ({"Host": "evil.example"}, 421),
        ({"Host": "127.0.0.1"}, 421),
        ({"Host": "127.0.0.1:1"}, 421),
        ({"Host": "127.0.0.1.evil.example:{port}"}, 421),
        ({"Host": "0.0.0.0:{port}"}, 421),
        ({"Origin": None}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "https://127.0.0.1:{port}"}, 403),
        ({"Origin": "http://127.0.0.1"}, 403),
        ({"Origin": "http://127.0.0.1:{port}.evil.example"}, 403),
        ({TOKEN: None}, 401),
        ({TOKEN: ""}, 401),
        ({TOKEN: "x" * 32}, 401),
        ({TOKEN: "\xe9"}, 401),
        ({"Content-Length": "1073741824"}, 413),
        ({"Content-Length": str(module._Handler.most_bytes + 1)}, 413),
        ({"Content-Length": "9" * 5000}, 413),
        ({"Content-Length": "-1"}, 411),
        ({"Content-Length": "\xb2"}, 411),
        ({"Transfer-Encoding": "chunked"}, 411),
    ],
)
def test_others_are_refused(
    running: Serving,
    others: dict[str, str | None],
    status: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module._Handler, "timeout", 2 * HANG)  # which no test waits for
    port = running.server.server_port
    given = {name: value and value.replace("{port}", str(port)) for name, value in others.items()}
    found = running.ask("POST", "/given", running.headers(**given), b"{}")
    assert found.status == status
    assert set(found.json()) == {"came", "expected", "hint", "where"}
    assert b"secret" not in found.body


def test_a_header_that_comes_twice_is_refused(running: Serving) -> None:
    own = running.headers()
    for name in ("Host", "Origin"):
        lines = [f"{key}: {value}" for key, value in own.items()] + [f"{name}: {own[name]}"]
        with socket.create_connection((ADDRESS, running.server.server_port)) as raw:
            raw.sendall("\r\n".join(["POST /given HTTP/1.1", *lines, "", ""]).encode())
            assert raw.recv(20).split()[1] in (b"421", b"403")


def test_what_is_sent_to_the_wrong_place_is_refused(running: Serving) -> None:
    headers = running.headers()
    for path in ("/etc/passwd", "/../../etc/passwd", "/page/open.js", "//evil.example/", "/given"):
        assert running.ask("GET", path, headers).status == 404
    assert running.post("%2e%2e/given", {}).status == 404
    assert running.ask("GET", "/", {"Host": "evil.example"}).status == 421
    for method in ("PUT", "DELETE", "OPTIONS", "HEAD"):
        assert running.ask(method, "/", headers).status == 501


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'"x"'])
def test_what_is_no_object_of_json_is_refused_in_words(running: Serving, body: bytes) -> None:
    found = running.post("doctor", body)
    assert found.status == 422
    assert all(found.json()[part] for part in ("came", "expected", "hint"))


def test_one_who_falls_silent_is_let_go(running: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = running.headers(Content_Length="100")
    lines = [f"{name}: {value}" for name, value in headers.items()]
    with monkeypatch.context() as patched:
        patched.setattr(module._Handler, "timeout", 0.2)
        raw = socket.create_connection((ADDRESS, running.server.server_port), HANG)
        with raw, suppress(ConnectionError):  # it may be let go before all was sent
            raw.sendall("\r\n".join(["POST /given HTTP/1.1", *lines, "", "{}"]).encode())
            while raw.recv(4096):
                pass
    assert running.post("given", {}).status == 200


@pytest.mark.parametrize("begin", ["GET / HTTP/1.1", "POST /given HTTP/1.1\r\nX: "])
def test_one_who_sends_a_byte_now_and_then_is_let_go(
    running: Serving, monkeypatch: pytest.MonkeyPatch, begin: str
) -> None:
    """Each byte comes in time; all of them would never end."""
    monkeypatch.setattr(module._Handler, "timeout", 0.5)
    raw = socket.create_connection((ADDRESS, running.server.server_port))
    with raw, suppress(ConnectionError):
        raw.sendall(begin.encode())
        while True:  # which ends when it is let go
            time.sleep(0.1)
            raw.sendall(b"x")


def test_a_body_that_drips_is_let_go(running: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_server, "MOST_SECONDS", 0.5)
    lines = [f"{name}: {value}" for name, value in running.headers(Content_Length="999").items()]
    with socket.create_connection((ADDRESS, running.server.server_port)) as raw:
        raw.sendall("\r\n".join(["POST /given HTTP/1.1", *lines, "", ""]).encode())
        raw.settimeout(0.1)
        while True:
            with suppress(ConnectionError):  # what was answered before is there to be read
                raw.sendall(b" ")
            with suppress(TimeoutError):
                answer = raw.recv(12)
                break
    assert answer == b"HTTP/1.0 408"


def test_of_too_many_connections_the_last_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_server.BoundedServer, "most_at_once", 3)
    with serving(Routes({"state": {}})) as running:
        port = running.server.server_port
        three = [socket.create_connection((ADDRESS, port)) for _ in range(3)]
        with socket.create_connection((ADDRESS, port), timeout=HANG) as fourth:
            assert fourth.recv(100).startswith(b"HTTP/1.0 503 ")
        for one in three:
            one.close()
        end = time.monotonic() + HANG
        while time.monotonic() < end:  # until they are seen to be gone
            with suppress(OSError):  # it may hang up before all is sent
                if (status := running.post("given", {}).status) != 503:
                    break
            time.sleep(0.1)
        assert status == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_address_that_is_none_is_refused(running: Serving, method: str) -> None:
    assert running.ask(method, "http://[::1", running.headers()).status == 400


def test_where_a_port_could_be_shared_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows hands a port to a second server too, if it says that the port is used again."""
    monkeypatch.setattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_KEEPALIVE, raising=False)
    with module.PlaygroundServer({}) as server:
        options = socket.SO_REUSEADDR, socket.SO_KEEPALIVE
        found = [server.socket.getsockopt(socket.SOL_SOCKET, option) for option in options]
        assert [*map(bool, found)] == [False, True]


def test_many_pages_are_answered_at_once(running: Serving) -> None:
    found: list[int] = []
    ask = lambda: found.append(running.post("given", {}).status)  # noqa: E731
    threads = [threading.Thread(target=ask) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [200] * 50


def test_a_mistake_of_ours_is_told_and_the_server_goes_on() -> None:
    routes = Routes({"state": float("nan")})  # which JSON does not hold
    with serving(routes) as running:
        found = running.post("given", {})
        assert found.status == 500
        assert found.json()["came"].startswith("ValueError")
        routes.given = {"state": {}}
        assert running.post("given", {}).status == 200


def test_it_listens_on_this_machine_alone(running: Serving) -> None:
    assert running.server.socket.getsockname()[0] == "127.0.0.1"


def test_the_policy_allows_the_page_its_script_and_nothing_else() -> None:
    said = dict(part.split(" ", 1) for part in policy(near=False).split("; "))
    assert said["default-src"] == said["connect-src"] == "'none'"
    assert re.fullmatch(r"'sha256-[\w+/=]+' 'wasm-unsafe-eval'", said["script-src"])
    assert re.fullmatch(r"'sha256-[\w+/=]+'", said["style-src"])
    assert json.dumps(policy(near=True)).count("'self'") == 1


def test_the_words_of_the_page_are_there_in_both_languages() -> None:
    said = words()
    assert said["en"].keys() == said["zh"].keys()
    keys = {"server_gone", "server_no_token", "need_script"}
    assert keys <= said["en"].keys()

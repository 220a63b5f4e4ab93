"""`handgrad serve`: the predictions of a file with the same rows; bad requests are answered."""

import asyncio
import csv
import json
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from handgrad.tables.service import ServiceLimits, application
from handgrad.textbook.errors import SettingError
from tests.cli.run import QUICK, handgrad, messy_csv
from tests.tables.service.running import Running, running

COLUMNS = ("age", "income", "city", "since", "plan", "news")
ROWS: list[dict[str, Any]] = [
    dict(zip(COLUMNS, row, strict=True))
    for row in (
        (30, 2500.5, "Ulm", "2019-03-04", "pro", True),
        (71, None, "Köln", "2015-12-31", "basic", False),
        (18, 1e6, "Rom", None, "plus", None),
    )
]


def train(folder: Path, target: str) -> Path:
    """The file of a model of customers."""
    table = messy_csv(folder / "customers.csv")
    unused = [name for name in ("customer", "row", "empty", "left") if name != target]
    words = ["--target", target, "--number", "age"]
    words += [word for name in unused for word in ("--ignore", name)]
    ended = handgrad("train", table, *words, *QUICK, "--out", folder / "run")
    assert ended.exit_code == 0, ended.output
    return folder / "run" / "model.safetensors"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("served"), "left")


@pytest.fixture(scope="module")
def service(model: Path) -> Iterator[Running]:
    with running(model) as service:
        yield service


def predicted_by_command(
    model: Path, rows: list[dict[str, Any]], *words: str
) -> list[dict[str, str]]:
    """Rows of the file that `handgrad predict` writes for a table of these rows."""
    table, out = model.with_name("rows.csv"), model.with_name("predicted.csv")
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(rows[0])
        for row in rows:
            cells = row.values()
            writer.writerow([str(c).lower() if isinstance(c, bool) else c for c in cells])
    ended = handgrad("predict", model, table, *words, "--out", out)
    assert ended.exit_code == 0, ended.output
    return list(csv.DictReader(out.read_text("utf-8").splitlines()))


def test_rows_are_predicted_as_those_of_a_file(service: Running, model: Path) -> None:
    status, answer = service.predict({"rows": ROWS, "probabilities": True, "sets": 0.9})
    assert status == 200
    expected = predicted_by_command(model, ROWS, "--probabilities", "--sets", "0.9")
    for row, written in zip(answer["rows"], expected, strict=True):
        assert row.keys() == written.keys()
        assert row["prediction"] == written["prediction"]
        for name in ("probability_no", "probability_yes"):
            assert row[name] == float(written[name])
        assert str(row["set_yes"]).lower() == written["set_yes"]
    assert answer["warnings"] == [
        "column 'city': 1 of 3 rows has a value unseen in training: 'Rom'"
    ]


@pytest.mark.slow
def test_numbers_are_predicted_with_intervals(tmp_path: Path) -> None:
    model = train(tmp_path, "income")
    rows = [{name: value for name, value in row.items() if name != "income"} for row in ROWS]
    with running(model) as service:
        status, answer = service.predict({"rows": rows, "interval": 0.8})
        assert status == 200
        expected = predicted_by_command(model, rows, "--interval", "0.8")
        for row, written in zip(answer["rows"], expected, strict=True):
            assert row == {name: float(value) for name, value in written.items()}
        status, answer = service.predict({"rows": rows, "probabilities": True})
        assert status == 422
        assert answer["error"]["expected"] == "a model that predicts classes"


def test_further_columns_are_told(service: Running) -> None:
    rows = [{**row, "shoe size": 42, "left": "no"} for row in ROWS]
    _, answer = service.predict({"rows": rows[:1]})
    (told,) = answer["warnings"]
    assert told == "columns that training did not have are ignored: 'shoe size'"


@pytest.mark.slow
def test_values_that_stand_for_missing_ones_are_those_of_the_training(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    lines = [
        f"{i % 7 if i % 5 else -999},{'Ja' if i % 7 > 3 else 'ja '},{i % 2}" for i in range(60)
    ]
    table.write_text("\n".join(["a,word,y", *lines]) + "\n")
    words = ("--target", "y", "--task", "classification", "--missing", "a=-999", "--merge-case")
    ended = handgrad("train", table, *words, *QUICK, "--out", tmp_path / "run")
    assert ended.exit_code == 0, ended.output
    model = tmp_path / "run" / "model.safetensors"
    with running(model) as service:
        ask = {"probabilities": True}
        answers = [
            service.predict({"rows": [{"a": a, "word": word}]} | ask)
            for a, word in ((-999, "ja "), (None, "Ja"), (3, "JA"), (3, "Ja"))
        ]
        assert [status for status, _ in answers] == [200] * 4
        rows = [answer["rows"] for _, answer in answers]
        assert rows[0] == rows[1] != rows[2] == rows[3]
        assert service.predict({"rows": [{"a": 3, "word": 1}, {"a": 3, "word": "x"}]})[0] == 422


def test_health_and_description(service: Running) -> None:
    status, health = service.ask("GET", "/health")
    assert (status, health["status"]) == (200, "ok")
    model = {"file": "model.safetensors", "target": "left", "task": "classification"}
    assert health["model"] == model
    _, description = service.ask("GET", "/openapi.json")
    request = description["paths"]["/predict"]["post"]["requestBody"]["content"]
    cells = request["application/json"]["schema"]["properties"]["rows"]["items"]["properties"]
    assert [*cells] == [*ROWS[0]]
    assert cells["plan"]["examples"] == ["basic", "plus", "pro"]


GOOD = ROWS[0]
PLAIN = "a text, a number, true, false or null"
BAD_ROWS: dict[str, tuple[Any, str]] = {
    "no object": ([1], "a JSON object with the rows to predict"),
    "no rows": ({}, "a JSON object with the rows to predict"),
    "rows of another type": ({"rows": GOOD}, "a list of at least one row"),
    "no row": ({"rows": []}, "a list of at least one row"),
    "a row that is no object": ({"rows": [GOOD, 3]}, "an object"),
    "a cell that is a list": ({"rows": [GOOD | {"age": [30]}]}, PLAIN),
    "a cell that is an object": ({"rows": [GOOD | {"age": {"$gt": 0}}]}, PLAIN),
    "a word as a number": ({"rows": [GOOD | {"age": "many"}]}, "numbers, as in training"),
    "a number as a word": ({"rows": [GOOD | {"city": 7}]}, "text, such as 'Köln', as in training"),
    "a day that is none": ({"rows": [GOOD | {"since": "2019-02-30"}]}, "dates, as in training"),
    "too large a number": (b'{"rows": [{"age": 1e999}]}', "finite numbers, or missing values"),
    "a column is missing": ({"rows": [{"age": 30}]}, "the 6 columns"),
    "an unknown option": ({"rows": [GOOD], "probability": True}, "rows, and probabilities"),
    "an option of another type": ({"rows": [GOOD], "probabilities": "yes"}, "true or false"),
    "a coverage above one": ({"rows": [GOOD], "sets": 2}, "a number between 0 and 1"),
    "intervals of classes": ({"rows": [GOOD], "interval": 0.9}, "a TabularRegressor"),
    "too many rows": ({"rows": [{}] * 10_001}, "at most 10,000"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_rows_that_cannot_be_predicted_are_named(service: Running, name: str) -> None:
    body, expected = BAD_ROWS[name]
    status, answer = service.predict(body)
    assert status == 422
    assert expected in answer["error"]["expected"]
    assert "--" not in json.dumps(answer)  # no option of the command line


HOSTILE: dict[str, tuple[int, bytes]] = {
    "no JSON": (400, b"rows"),
    "half of it": (400, b'{"rows": [{'),
    "nothing": (400, b""),
    "bytes that are no text": (400, b"\xff\xfe\x00"),
    "NaN": (400, b'{"rows": [{"age": NaN}]}'),
    "deep lists": (400, b"[" * 100_000),
    "deep objects": (400, b'{"rows":' * 50_000),
    "a long number": (400, b'{"rows": [{"age": ' + b"9" * 10_000 + b"}]}"),
    "a surrogate alone": (422, b'{"rows": [{"\\ud800": 1}]}'),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bodies_are_refused(service: Running, name: str) -> None:
    status, body = HOSTILE[name]
    came = service.predict(body)
    assert came[0] == status, came
    assert came[1]["error"]["came"]
    assert service.ask("GET", "/health")[0] == 200


def test_other_requests_are_refused(service: Running) -> None:
    assert service.ask("GET", "/predict")[0] == 405
    assert service.ask("DELETE", "/predict")[0] == 405
    assert service.ask("GET", "/")[0] == 404
    assert service.ask("GET", "/../../etc/passwd")[0] == 404
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert service.ask("POST", "/predict", b"{}", form)[0] == 415
    assert service.ask("GET", "/health", None, {"Host": "elsewhere.example"})[0] == 400


def test_a_body_that_is_too_long_is_not_read_to_its_end(service: Running) -> None:
    head = "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with socket.create_connection(_place(service), 30) as client:
        client.sendall(f"{head}Content-Length: {10**12}\r\n\r\n".encode())
        sent = 0
        with suppress(ConnectionError):
            while sent < 10**9:
                sent += client.send(b" " * 2**16)
    assert sent < 10**8
    assert service.ask("GET", "/health")[0] == 200


def test_a_body_that_does_not_come_is_not_waited_for(model: Path) -> None:
    app = application(model, ServiceLimits(seconds=0.2))
    assert asked_in_process(app, b"", ended=False) == 408


def test_too_many_requests_at_once_are_refused(model: Path) -> None:
    app = application(model, ServiceLimits(threads=1, waiting=0))
    body = json.dumps({"rows": [GOOD]}).encode()
    assert asked_in_process(app, body) == 200
    statuses = together(app, body, 4)
    assert sorted(statuses) == [200, 503, 503, 503]


def asked_in_process(app: Starlette, body: bytes, *, ended: bool = True) -> int:
    return asyncio.run(_status(app, body, ended=ended))


def together(app: Starlette, body: bytes, n: int) -> list[int]:
    async def all_of_them() -> list[int]:
        return await asyncio.gather(*(_status(app, body) for _ in range(n)))

    return asyncio.run(all_of_them())


async def _status(app: Starlette, body: bytes, *, ended: bool = True) -> int:
    """The status of a request whose body is sent whole, or of which nothing more comes."""
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": body, "more_body": not ended}
    ]
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop(0)
        await asyncio.sleep(60)
        raise AssertionError("more than the body was asked for")

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json"), (b"host", b"localhost")]
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/predict",
        "query_string": b"",
    }
    scope["headers"] = headers
    await app(scope, receive, send)
    status: int = sent[0]["status"]
    return status


def _place(service: Running) -> tuple[str, int]:
    host, _, port = service.url.removeprefix("http://").partition(":")
    return host, int(port)


def test_a_port_in_use_is_named(service: Running, model: Path) -> None:
    _, port = _place(service)
    ended = handgrad("serve", model, "--port", port)
    assert isinstance(ended.exception, SettingError)
    assert f"127.0.0.1 port {port}" in ended.exception.came


def test_ctrl_c_ends_the_service(model: Path) -> None:
    with running(model) as service:
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(30) in (0, 130)


@pytest.mark.slow
def test_ten_thousand_requests_by_eight_threads(service: Running, model: Path) -> None:
    expected = service.predict({"rows": ROWS, "probabilities": True})[1]
    bad = [*HOSTILE.values()]
    start = threading.Barrier(8)

    def one_client(client: int) -> list[str]:
        wrong = list[str]()
        start.wait()
        for i in range(1250):
            k = (client * 1250 + i) % 13
            if k < len(bad):
                status, body = bad[k]
                if service.predict(body)[0] != status:
                    wrong.append(f"hostile {k}")
            elif service.predict({"rows": ROWS, "probabilities": True}) != (200, expected):
                wrong.append("rows")
        return wrong

    with ThreadPoolExecutor(8) as clients:
        assert not any(clients.map(one_client, range(8)))
        before = service.memory()
        assert not any(clients.map(one_client, range(8)))
    assert service.memory() - before < 20e6

"""The server of a class: what is handed in is on disk, and what does not belong is refused."""

import csv
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

import handgrad as hg
from handgrad.learn.classroom import ClassServer, class_server
from handgrad.learn.classroom.hand_in_log import HandInLog
from handgrad.learn.exercises.hand_ins import HandIn, as_record
from handgrad.textbook.errors import FileError, SettingError
from tests.bad_input.refused import refused
from tests.learn.classroom.room import ask, hand_in, number, records, room, send, sent_at_last
from tests.waiting import HANG


@contextmanager
def running(
    to: Path,
    site: Path | None = None,
    tell: Callable[[str], object] = len,
    exercises: Sequence[Path] = (),
    seed: int | None = None,
    language: str | None = None,
) -> Iterator[ClassServer]:
    """A server on a free port."""
    server = class_server(site, to, 0, "127.0.0.1", exercises, seed, language, tell)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    (folder / "lessons").mkdir(parents=True)
    (folder / "index.html").write_text("<html><head></head><body>the site</body></html>")
    (folder / "lessons/index.html").write_text("<html><head></head>lessons</html>")
    (folder / "site.css").write_text("body {}")
    (folder / ".hidden").write_text("hidden")
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "out.txt").symlink_to(tmp_path / "secret.txt")
    return folder


def marks(folder: Path) -> list[dict[str, str]]:
    with (folder / "marks.csv").open(encoding="utf-8-sig", newline="") as file:
        return [*csv.DictReader(file)]


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + HANG
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_hand_in_is_on_disk_and_marked(tmp_path: Path) -> None:
    with running(tmp_path / "in") as server:
        assert send(server.server_port, hand_in("Ada")) == 200
        assert [one.name for one in records(tmp_path / "in")] == ["Ada"]
    [mark] = marks(tmp_path / "in")
    assert mark.pop("time")
    assert mark == {
        "name": "Ada", "exercise": "tanh", "right": "1", "of": "1", "remark": "All correct."
    }  # fmt: skip


def test_the_last_one_counts_and_all_are_kept(tmp_path: Path) -> None:
    who = number()
    with running(tmp_path) as server:
        for text in ("dy", "y", "(1 - y**2) * dy"):
            sent = hand_in(who=who, answers={"dx": text})
            assert send(server.server_port, sent) == 200
        until((tmp_path / "marks.csv").exists)
        until(lambda: [mark["right"] for mark in marks(tmp_path)] == ["1"])
    assert len(marks(tmp_path)) == 1
    assert len(records(tmp_path)) == 3


def test_a_hand_in_that_is_sent_again_is_confirmed_and_not_written_twice(tmp_path: Path) -> None:
    sent = hand_in()
    with running(tmp_path) as server:
        assert [send(server.server_port, sent) for _ in range(3)] == [200] * 3
    with running(tmp_path) as server:  # after the server was started anew, too
        assert send(server.server_port, sent) == 200
    assert len(records(tmp_path)) == 1


@pytest.mark.parametrize("name", ["../../evil", "..\\..\\evil", "/etc/passwd", "CON", "a\0b"])
def test_a_name_is_never_a_path(tmp_path: Path, name: str) -> None:
    before = {*tmp_path.rglob("*")}
    with running(tmp_path / "in") as server:
        assert send(server.server_port, hand_in(name)) == 200
    made = {one.name for one in {*tmp_path.rglob("*")} - before}
    assert made == {"in", "handed-in.jsonl", ".handed-in.lock", "marks.csv"}
    assert marks(tmp_path / "in")[0]["name"] == name.replace("\0", " ")


def test_two_people_of_one_name_have_two_marks(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        for text in ("(1 - y**2) * dy", "dy"):
            assert send(server.server_port, hand_in("李伟", answers={"dx": text})) == 200
    assert [(m["name"], m["right"]) for m in marks(tmp_path)] == [("李伟", "1"), ("李伟 (2)", "0")]


def test_an_answer_of_a_megabyte_is_refused_in_words(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        sent = hand_in(answers={"dx": "x" * 2**20})
        assert send(server.server_port, sent) == 413
        assert send(server.server_port, hand_in(answers={"dx": "x" * 3000})) == 422
        assert send(server.server_port, hand_in()) == 200
    assert len(records(tmp_path)) == 1


WRONG = {
    "no name": hand_in(" \n "),
    "no exercise": hand_in(exercise="nothing"),
    "a path": hand_in(exercise="../own.toml"),
    "another hole": hand_in(answers={"dW": "x"}),
    "no text": hand_in(answers={"dx": 3}),
    "no answers": hand_in(answers=["dx"]),
    "no number": hand_in(id="1"),
    "no person": hand_in(who=None),
    "no object": [],
}


@pytest.mark.parametrize("sent", WRONG.values(), ids=WRONG)
def test_what_is_no_hand_in_is_refused(tmp_path: Path, sent: object) -> None:
    with running(tmp_path) as server:
        assert send(server.server_port, sent) == 422
    assert records(tmp_path) == []


def test_pages_of_other_sites_cannot_hand_in(tmp_path: Path) -> None:
    body = json.dumps(hand_in()).encode()
    kind = {"Content_Type": "application/json"}
    with running(tmp_path) as server:
        port, where = server.server_port, "/class/hand-in"
        assert ask(port, "POST", where, body, Origin="http://evil.example", **kind)[0] == 403
        assert ask(port, "POST", where, body, Content_Type="text/plain")[0] == 415
        assert ask(port, "POST", "/class/marks", body, **kind)[0] == 404
        own = f"http://127.0.0.1:{port}"
        assert ask(port, "POST", where, body, Origin=own, **kind)[0] == 200


def test_a_hundred_connections_at_once(tmp_path: Path) -> None:
    with running(tmp_path) as server, ExitStack() as held:
        port = server.server_port
        for _ in range(100):  # which say nothing
            held.enter_context(socket.create_connection(("127.0.0.1", port)))
        with ThreadPoolExecutor(100) as people:
            statuses = [*people.map(lambda i: send(port, hand_in(f"P{i}")), range(100))]
        assert statuses == [200] * 100
    assert len({one.name for one in records(tmp_path)}) == 100
    assert len(marks(tmp_path)) == 100


def test_formulas_of_a_whole_class_cannot_stop_the_marks(tmp_path: Path) -> None:
    bad = ("np.arange(10**12)", "-" * 2000, "(" * 2000, "9" * 2000, "np.outer(x, x) @ " * 50 + "x")
    with running(tmp_path) as server:
        for text in bad:
            assert send(server.server_port, hand_in(answers={"dx": text})) == 200
    assert [mark["right"] for mark in marks(tmp_path)] == ["0"] * len(bad)


OUTSIDE = (
    *("/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/lessons/../../secret.txt"),
    *("/.hidden", "/out.txt", "/nothing", "//etc/passwd", "/%00", "/%ff", "/..\\secret.txt"),
    *("/in/handed-in.jsonl", "/site.css:$DATA"),
)


def test_the_site_is_served_and_nothing_beside_it(tmp_path: Path, site: Path) -> None:
    with running(tmp_path / "in", site) as server:
        port = server.server_port
        status, headers, body = ask(port, "GET", "/")
        assert (status, b"the site" in body) == (200, True)
        assert b'<meta name="handgrad-class" content="/class/hand-in">' in body
        assert headers["Content-Type"] == "text/html; charset=utf-8"
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert ask(port, "GET", "/site.css")[1]["Content-Type"] == "text/css; charset=utf-8"
        assert ask(port, "GET", "/lessons")[1]["Location"] == "/lessons/"
        assert b"lessons" in ask(port, "GET", "/lessons/")[2]
        for path in OUTSIDE:
            status, _, body = ask(port, "GET", path)
            assert status == 404, path
            assert b"secret" not in body
            assert b"hidden" not in body


def test_the_pages_of_exercises_have_numbers_of_a_seed_and_a_language(tmp_path: Path) -> None:
    with running(tmp_path, seed=7) as server:
        port = server.server_port
        assert ask(port, "GET", "/")[1]["Location"] == "/class/"
        assert ask(port, "GET", "/class/", Accept_Language="zh-CN")[1]["Location"] == "/class/zh/"
        assert ask(port, "GET", "/class")[1]["Location"] == "/class/en/"
        listed = ask(port, "GET", "/class/zh/")[2].decode()
        assert '<a href="tanh@7.html">双曲正切 tanh</a>' in listed
        page = ask(port, "GET", "/class/zh/tanh@7.html")[2].decode()
        assert "handgrad-class" in page
        assert '"seed":7' in page
        assert ask(port, "GET", "/class/playground.html")[0] == 200
        for path in ("nothing.html", "tanh@x.html", "../en/tanh.html", "%2e%2e", "tanh.html/x"):
            assert ask(port, "GET", f"/class/en/{path}")[0] in (404, 200), path
        assert ask(port, "GET", "/class/fr/")[0] == 404


def test_a_teachers_exercise_comes_first_and_is_marked(tmp_path: Path) -> None:
    own = tmp_path / "square.toml"
    own.write_text(
        'forward = ["y = x**2"]\noutput = "y"\n[arrays]\nx = [1.0, 2.0]\n'
        '[[holes]]\nname = "dx"\nof = "x"\n[en]\ntitle = "a square"\n'
    )
    with running(tmp_path / "in", exercises=[own], language="zh") as server:
        listed = ask(server.server_port, "GET", "/class/en/")[2].decode()
        assert listed.index("square.html") < listed.index("linear.html")
        sent = hand_in(exercise="square", answers={"dx": "x"})
        assert send(server.server_port, sent) == 200
    assert marks(tmp_path / "in")[0]["remark"].startswith("dx：2 个数中有 2 个不对。")


def test_a_line_that_was_cut_off_costs_no_other(tmp_path: Path) -> None:
    one = HandIn("Ada", "tanh", {"dx": "dy"}, "t", number(), number())
    line = as_record(one)
    (tmp_path / "handed-in.jsonl").write_bytes(line + line[:40])
    with running(tmp_path) as server:
        assert send(server.server_port, hand_in("Blaise")) == 200
    assert [one.name for one in records(tmp_path)] == ["Ada", "Blaise"]


def test_a_full_disk_is_told_and_leaves_whole_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    write = os.write

    def full(file: int, data: bytes) -> int:
        if len(data) > 50:
            return write(file, data[:50])
        raise OSError(28, "No space left on device")

    with running(tmp_path, tell=said.append) as server:
        with monkeypatch.context() as patched:
            patched.setattr("handgrad.learn.classroom.hand_in_log.os.write", full)
            assert send(server.server_port, hand_in()) == 507
        assert "No space left on device" in said[0]
        assert (tmp_path / "handed-in.jsonl").read_bytes() == b""
        assert send(server.server_port, hand_in()) == 200
    assert len(records(tmp_path)) == 1


def test_marks_that_cannot_be_written_are_told_once_and_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handgrad.learn.classroom.marking.AGAIN", 0.05)
    said: list[str] = []
    (tmp_path / "marks.csv").mkdir()  # as a file that Excel has open
    with running(tmp_path, tell=said.append) as server:
        assert send(server.server_port, hand_in()) == 200
        until(lambda: bool(said))
        (tmp_path / "marks.csv").rmdir()
        until((tmp_path / "marks.csv").is_file)
        assert len(said) == 1
    assert len(marks(tmp_path)) == 1


def test_what_cannot_be_a_class_is_refused(tmp_path: Path, site: Path) -> None:
    with refused(FileError, "no folder"):
        class_server(tmp_path / "none", to=tmp_path / "in")
    with refused(SettingError, "within the site"):
        class_server(site, to=site / "in")
    with refused(FileError, "none.toml"):
        class_server(to=tmp_path / "in", exercises=["none.toml"])
    with running(tmp_path / "in"), refused(FileError, "another process has this folder"):
        HandInLog(tmp_path / "in")
    with running(tmp_path / "in") as server, refused(SettingError, "port"):
        class_server(to=tmp_path / "other", port=server.server_port, host="127.0.0.1")


def test_forty_hand_in_while_the_server_is_killed_and_nothing_is_lost(tmp_path: Path) -> None:
    """Each of forty hands in five exercises, and sends again until it is confirmed."""
    exercises = ("tanh", "relu", "sigmoid", "mse", "softplus")
    with room(tmp_path) as one, ThreadPoolExecutor(40) as people:
        confirmed: list[str] = []

        def person(i: int) -> None:
            who = number()
            for exercise in exercises:
                holes = hg.exercise(exercise).holes
                sent = hand_in(f"P{i}", exercise, who=who, answers=dict.fromkeys(holes, "x + 0"))
                end = time.monotonic() + HANG
                while not sent_at_last(one.port, sent):
                    assert time.monotonic() < end
                    time.sleep(0.05)
                confirmed.append(str(sent["id"]))

        waiting = [people.submit(person, i) for i in range(40)]
        until(lambda: len(confirmed) > 60)
        before = {*confirmed}
        one.kill()
        assert {one.id for one in records(tmp_path)} >= before
        for future in waiting:
            future.result()
        assert one.stop() == 0
    kept = records(tmp_path)
    assert sorted(one.id for one in kept) == sorted(confirmed)
    assert len({*confirmed}) == 40 * len(exercises)
    assert len(marks(tmp_path)) == 40 * len(exercises)

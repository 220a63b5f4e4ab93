"""hg.play and `handgrad play`: what the page begins with, how it is shown, saved and served."""

import atexit
import base64
import html
import json
import os
import re
import signal
import stat
import subprocess
import sys
import urllib.request
import webbrowser
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
import pytest

import handgrad as hg
from handgrad.learn.playground import Playground
from handgrad.learn.playground import notebook as module
from handgrad.learn.playground.base64url import packed
from handgrad.learn.playground.models import numbers_in
from handgrad.learn.playground.server import PlaygroundServer
from handgrad.learn.playground.state import state_of
from handgrad.learn.playground.tables import MOST_ROWS
from handgrad.textbook.errors import HandgradError
from tests.bad_input.refused import refused
from tests.cli.run import handgrad
from tests.learn.playground.serving import Serving
from tests.waiting import HANG

X, Y = hg.data.make_moons(100, noise=0.1, rng=0)


def moons_net() -> hg.Net:
    return hg.Net(hg.Linear(2, 4, rng=0), hg.Tanh(), hg.Linear(4, 2, rng=1), hg.Softmax())


def given(page: str) -> dict[str, Any]:
    """What a page is given, as its script reads it."""
    found = re.search(r'<script type="application/json" id="given">(.*?)</script>', page, re.S)
    assert found is not None
    return dict(json.loads(found[1]))


@pytest.fixture(autouse=True)
def in_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a notebook: nothing opens by itself."""
    monkeypatch.setattr(module, "in_a_notebook", lambda: True)


def test_a_saved_page_begins_with_the_net_and_its_rows(tmp_path: Path) -> None:
    net = moons_net()
    path = hg.play(net, X, Y, language="zh").save(tmp_path / "net.html")
    begin = given(path.read_text("utf-8"))
    rows = begin["state"]["data"]["rows"]
    assert (rows["names"], rows["classes"]) == (["x1", "x2"], ["0", "1"])
    np.testing.assert_array_equal(numbers_in(rows["x"], "x"), X.astype("f4").ravel())
    np.testing.assert_array_equal(numbers_in(rows["y"], "y"), Y)
    assert begin["state"]["events"] == [{"step": 0, "weights": packed(net.parameters)}]
    assert (begin["language"], begin["net"], begin["near"]) == ("zh", None, False)
    assert begin["state"]["loss"] == "CrossEntropyLoss"


def test_the_page_of_nothing_is_the_first_screen() -> None:
    begin = given(html.unescape(hg.play()._repr_html_()))
    assert (begin["state"], begin["table"], begin["net"]) == ({}, None, None)


def test_a_notebook_shows_a_frame_that_may_run_its_script_alone() -> None:
    page = hg.play(moons_net(), X, Y)
    shown = page._repr_mimebundle_()
    assert shown["text/html"].startswith("<iframe ")
    assert 'sandbox="allow-scripts allow-downloads" srcdoc="' in shown["text/html"]
    assert base64.b64decode(shown["image/png"]).startswith(b"\x89PNG")
    assert shown["text/plain"].startswith("<Playground of Net(Linear(2, 4)")
    assert "image/png" not in hg.play()._repr_mimebundle_()


def test_other_targets_are_classes_or_numbers() -> None:
    names = np.array(["no", "yes"])[Y]
    table = hg.play(None, X, names)._table
    assert table is not None
    assert table.classes == ["no", "yes"]
    assert table.y.tolist() == Y.tolist()
    table = hg.play(None, X, Y * 2 + 3)._table
    assert table is not None
    assert (table.classes, table.y.tolist()) == (["3", "5"], Y.tolist())
    net = hg.Net(hg.Linear(2, 1, rng=0))
    page = hg.play(net, X, X[:, 0])
    assert page._given["state"]["loss"] == "MSELoss"
    assert page._given["state"]["data"]["problem"] == "regression"


def test_classes_of_a_net_are_the_numbers_of_its_outputs() -> None:
    net = hg.Net(hg.Linear(2, 4, rng=0), hg.Softmax())
    table = hg.play(net, X, Y + 2)._table
    assert table is not None
    assert (table.classes, set(table.y.tolist())) == (["0", "1", "2", "3"], {2, 3})


def test_of_many_rows_some_are_drawn_and_that_is_said() -> None:
    n = 10**6
    x = np.arange(2.0 * n).reshape(n, 2)
    page = hg.play(None, x, np.arange(n) % 2)
    assert page._given["table"]["sampled"] == {"of": n, "kept": MOST_ROWS}
    assert len(repr(page)) < 100
    table = page._table
    assert table is not None
    assert table.whole is not None
    np.testing.assert_array_equal(table.whole.rows.x, x.astype("f4"))
    np.testing.assert_array_equal(table.whole.rows.x[table.whole.kept], table.x)
    with closing(page):
        server = Serving(served(page))
        assert server.post("given", {}).json()["whole"] is True


def served(page: Playground) -> PlaygroundServer:
    page.open(browser=False)
    assert page._server is not None
    return page._server


def test_a_net_with_layers_of_ones_own_takes_its_graphs_along() -> None:
    class Scale(hg.Layer):
        param_names = ("s",)

        def __init__(self, n: int) -> None:
            super().__init__()
            self.s = np.ones(n, np.float32)

        def forward(self, x: Any) -> Any:
            self.x = x
            return self.s * x

        def backward(self, dy: Any) -> Any:
            self.ds = (self.x * dy).sum(axis=0)
            return self.s * dy

    net = hg.Net(hg.Linear(2, 4, rng=0), Scale(4), hg.Linear(4, 2, rng=1), hg.Softmax())
    page = hg.play(net, X, Y)
    own = page._given["net"]
    assert own["layers"][1]["parameters"] == [{"name": "1.s", "shape": (4,), "trainable": True}]
    assert "weights" in own
    json.dumps(page._given)


def test_a_net_that_no_state_says_learns_at_its_rate_and_is_judged_by_its_loss() -> None:
    net = hg.Net(hg.Linear(2, 3, rng=0), hg.Tanh(), hg.Tanh(), hg.Linear(3, 1, rng=1), hg.Sigmoid())
    page = hg.play(net, X, Y, optimizer=hg.Adam(0.002, betas=(0.8, 0.9), clip_value=1.0))
    state = state_of(page._given["state"])
    assert page._given["net"]["optimizer"]["betas"] == [0.8, 0.9]
    assert state["optimizer"] == {"name": "Adam", "learning_rate": 0.002}
    assert state["loss"] == page._given["net"]["loss"]["name"] == "BinaryCrossEntropyLoss"


@pytest.mark.parametrize(
    "arguments",
    [
        {"x": X},
        {"y": Y},
        {"x": X, "y": Y[:50]},
        {"x": X[:0], "y": Y[:0]},
        {"x": X * np.inf, "y": Y},
        {"language": "fr"},
        {"net": hg.Net(hg.Linear(3, 2, rng=0))},
        {"net": hg.MLPClassifier(), "x": X, "y": Y},
        {"net": hg.Net(hg.Linear(3, 2, rng=0)), "x": X, "y": Y},
        {"net": hg.Net(hg.Linear(2, 2, rng=0), hg.Softmax()), "x": X, "y": X[:, 0]},
    ],
)
def test_what_does_not_fit_is_refused_in_three_parts(arguments: dict[str, Any]) -> None:
    with pytest.raises(HandgradError) as refused:
        hg.play(**arguments)
    assert refused.value.hint


def test_the_net_stays_as_it_is_and_page_net_is_what_came_back() -> None:
    net = moons_net()
    before = net.parameters.copy()
    page = hg.play(net, X, Y)
    page.open(browser=False)
    assert page._server is not None
    routes = page._server.routes
    from handgrad.learn.bounded_server import Request

    body = json.dumps({"weights": packed(before + 1)}).encode()
    routes["weights"](Request(body, {}))
    page.close()
    np.testing.assert_array_equal(page.net.parameters, before + 1)
    np.testing.assert_array_equal(net.parameters, before)
    with pytest.raises(HandgradError, match=r"hg\.learn\.replay"):
        hg.play().net  # noqa: B018


def test_the_command_saves_a_page(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    done = handgrad("play", "iris", "--save", path, "--language", "zh", "--json")
    assert json.loads(done.stdout) == {"page": str(path), "bytes": path.stat().st_size}
    begin = given(path.read_text("utf-8"))
    assert begin["state"]["data"]["rows"]["classes"] == ["setosa", "versicolor", "virginica"]
    assert begin["language"] == "zh"


def test_the_command_takes_a_csv_and_a_model_file(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("a,b,kind\n" + "".join(f"{i},{i * i},{'xy'[i % 2]}\n" for i in range(20)))
    assert handgrad("play", table, "--target", "a", "--save", tmp_path / "p.html").exit_code == 0
    begin = given((tmp_path / "p.html").read_text("utf-8"))
    assert [name for name, _ in begin["table"]["read_as"]] == ["b", "kind", "a"]
    hg.save(moons_net(), tmp_path / "net.safetensors")
    model = tmp_path / "net.safetensors"
    assert handgrad("play", model, "--save", tmp_path / "p.html").exit_code == 0
    begin = given((tmp_path / "p.html").read_text("utf-8"))
    assert begin["state"]["events"][0]["weights"] == packed(moons_net().parameters)


def test_a_language_model_is_refused_as_what_takes_no_rows(tmp_path: Path) -> None:
    model = hg.LanguageModel(context=8, width=4, heads=1, blocks=1, epochs=1, random_state=0)
    hg.save(model.fit(100 * "one for sorrow, "), tmp_path / "verse.safetensors")
    done = handgrad("play", tmp_path / "verse.safetensors", "--save", tmp_path / "p.html")
    assert isinstance(done.exception, HandgradError)
    assert "holds LanguageModel" in str(done.exception)


@pytest.mark.parametrize(
    "words",
    [["nothing.csv"], ["iris", "--language", "fr"], ["iris", "--target", "x"], ["irsi"]],
)
def test_the_command_refuses_in_words(words: list[str], tmp_path: Path) -> None:
    done = handgrad("play", *words, "--save", tmp_path / "p.html")
    assert isinstance(done.exception, HandgradError)
    assert not (tmp_path / "p.html").exists()


@pytest.mark.slow
def test_the_command_serves_until_it_is_stopped() -> None:
    command = [sys.executable, "-m", "handgrad", "play", "--no-browser", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        said = "".join(iter(running.stdout.readline, "}\n")) + "}"
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=HANG) == 0
    url = json.loads(said)["url"]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/#token=[\w-]{32}", url)


def test_a_net_in_float64_has_no_program_and_a_link_that_is_not_replayed() -> None:
    net = hg.Net(hg.Linear(2, 2, rng=0, dtype="float64"), hg.Softmax())
    page = hg.play(net, X, Y)
    assert page._programs() == []
    assert len(hg.play(moons_net(), X, Y)._programs()) == 1
    assert state_of(page._given["state"])["exact"] is False
    assert state_of(hg.play(moons_net(), X, Y)._given["state"])["exact"] is True


SCRIPT = """
import handgrad as hg
x, y = hg.data.make_moons(40, rng=0)
page = hg.play(None, x, y)
"""
BROWSER = "import sys; print(sys.argv[1], file=open({!r}, 'w'))"


@contextmanager
def script(folder: Path, lines: str) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A script that runs, and the file in which the browser writes what it opens."""
    opened, browser = folder / "opened.txt", folder / "browser.py"
    browser.write_text(BROWSER.format(str(opened)))
    command = [sys.executable, "-c", SCRIPT + lines]
    shown = os.environ | {"BROWSER": f"{sys.executable} {browser} %s"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=shown) as running:
        try:
            yield running, opened
        finally:
            running.kill()


@pytest.mark.slow
def test_a_script_that_saves_the_page_opens_nothing_and_ends(tmp_path: Path) -> None:
    with script(tmp_path, f"page.save({str(tmp_path / 'page.html')!r})") as (running, opened):
        _, said = running.communicate(timeout=HANG)
    assert (running.returncode, said) == (0, "")
    assert (tmp_path / "page.html").exists()
    assert not opened.exists()


@pytest.mark.slow
@pytest.mark.parametrize("lines", ["", "page.open()"])
def test_a_script_stays_at_its_end_with_the_page_open(tmp_path: Path, lines: str) -> None:
    with script(tmp_path, lines) as (running, opened):
        assert running.stderr is not None
        said = running.stderr.readline()
        assert running.stderr.readline() == "Ctrl-C ends it\n"
        asked = opened.read_text().strip()
        assert "token" not in asked
        url = led_to(asked)
        assert said == f"the playground is open at {url}\n"
        with urllib.request.urlopen(url, timeout=HANG) as page:
            assert b"<title>" in page.read()
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=HANG) == 0
    assert not path_of(asked).parent.exists()


def path_of(asked: str) -> Path:
    """The file of a file: address."""
    return Path(url2pathname(urlsplit(asked).path))


def led_to(asked: str) -> str:
    """Where the file leads that the browser was asked to open."""
    found = re.search(r'href="(.*?)"', path_of(asked).read_text("utf-8"))
    assert found is not None
    return html.unescape(found[1])


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_what_the_browser_opens_is_for_its_user_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    before = os.umask(0)
    try:
        with closing(Playground()) as page:
            url = page.open()
            path = path_of(*opened)
            assert [stat.S_IMODE(place.stat().st_mode) for place in (path.parent, path)] == [
                0o700,
                0o600,
            ]
            assert led_to(*opened) == url
    finally:
        os.umask(before)
    assert not path.parent.exists()


def test_a_browser_in_a_snap_gets_a_file_that_it_sees(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It has temporary files of its own, and sees nothing hidden."""
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    (tmp_path / "snap").mkdir()
    with closing(Playground()) as page:
        page.open()
        place = path_of(*opened).relative_to(tmp_path)
        assert not any(part.startswith(".") for part in place.parts)
    assert [path.name for path in tmp_path.iterdir()] == ["snap"]


def test_a_port_that_another_has_is_refused_as_one() -> None:
    with closing(Playground()) as one:
        one.open(browser=False)
        assert one._server is not None
        port = one._server.server_port
        with refused(hg.errors.SettingError, f"port {port}: ", "a free port from 1024"):
            Playground().open(port=port, browser=False)
        taken = handgrad("play", "--no-browser", "--port", port)
        assert f"port {port}: " in str(taken.exception)
    for wrong in (65536, -1, "x", None):
        with refused(hg.errors.SettingError, f"port {wrong!r}: ", "a free port"):
            Playground().open(port=wrong, browser=False)  # type: ignore[arg-type]


def test_at_a_prompt_the_page_opens_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(module, "in_a_notebook", lambda: False)
    monkeypatch.setattr(webbrowser, "open", opened.append)
    monkeypatch.setattr(atexit, "register", lambda act: None)
    hg.play(None, X, Y)
    assert not opened
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    page = hg.play(None, X, Y)
    assert [*map(led_to, opened)] == [page.open(browser=False)]
    page.close()


def test_a_playground_is_told_in_a_line() -> None:
    assert repr(Playground()).startswith("<Playground: a page")

"""The playground as it is opened: from a disk, from its server, where parts are refused."""

import gzip
import json
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

import handgrad as hg
from handgrad.learn.playground import Playground
from handgrad.learn.playground.document import write_document
from handgrad.learn.playground.notebook import _table
from handgrad.learn.playground.toy_data import split_of
from handgrad.textbook.layers import Array
from tests.browser.playing import Playing, opened, playing, with_policy

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
STEPS = 250
DESKTOP = "document.getElementById('playground').store"
DRAWN = """(([canvas]) => {
  const { width, height } = canvas;
  return canvas.getContext("2d").getImageData(0, 0, width, height).data.some(Boolean);
})(document.querySelectorAll(".plane canvas"))"""
PLAY = '[data-control="play"]'
FILE = ".own-table input[type=file]"


class Bent(hg.Layer):
    """y = x + s tanh x      dx = (1 + s (1 − tanh² x)) dy      ds = Σ tanh x dy"""

    param_names = ("s",)
    s: Array

    def __init__(self, n: int) -> None:
        super().__init__()
        self.s = np.full(n, 0.5)

    def forward(self, x: Array) -> Array:
        self.t = np.tanh(x)
        return x + self.s * self.t

    def backward(self, dy: Array) -> Array:
        self.ds = (self.t * dy).sum(axis=0)
        return (1 + self.s * (1 - self.t**2)) * dy


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "playground.html"
    write_document(path)
    return path


@pytest.fixture
def served() -> Iterator[Playground]:
    x, y = hg.data.make_moons(100, noise=0.1, rng=0)
    net = hg.Net(hg.Linear(2, 4, rng=0), hg.Tanh(), hg.Linear(4, 2, rng=1), hg.Softmax())
    page = Playground(net, _table(x, y, net))
    page.open(browser=False)
    yield page
    page.close()


def test_it_trains_from_a_disk_and_asks_nobody(browser: "Browser", page_file: Path) -> None:
    with playing(browser, page_file.as_uri()) as it:
        it.wait_for_epoch(20)
        others = [url for url in it.asked if not url.startswith(("blob:", "data:"))]
        assert others == [page_file.as_uri()]
        assert any(url.startswith("blob:") for url in it.asked)  # it has a worker
        assert it.errors == []


def test_a_state_in_the_address_is_what_it_begins_with(browser: "Browser", page_file: Path) -> None:
    link = "#activation=relu&batchSize=12&dataset=spiral&noise=15&networkShape=5,3&seed=0.5"
    with playing(browser, page_file.as_uri() + link) as it:
        it.wait_for_epoch(2)
        state = it.store("store.state")
        assert [layer["units"] for layer in state["layers"]] == [5, 3]
        assert (state["data"]["kind"], state["batch_size"]) == ("spiral", 12)


def test_without_a_worker_it_trains_all_the_same(browser: "Browser", page_file: Path) -> None:
    changed = with_policy(page_file, "worker-src blob:; ", "")
    with playing(browser, page_file.as_uri()) as it:
        it.wait_for_epoch(2)
        expected = it.parameters(STEPS)
    with playing(browser, changed.as_uri()) as it:
        it.wait_for_epoch(2)
        assert it.parameters(STEPS) == expected
        assert not [url for url in it.asked if url.startswith("blob:")]
        assert all("worker" in error for error in it.errors)  # the browser names the policy


def test_two_pages_train_beside_each_other(browser: "Browser", served: Playground) -> None:
    url = served.open(browser=False)
    with playing(browser, url) as one, playing(browser, url) as other:
        one.is_training()
        other.is_training()
        one.is_training()
        assert (one.errors, other.errors) == ([], [])


def test_the_file_that_the_browser_is_given_leads_to_the_page(
    browser: "Browser", served: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(webbrowser, "open", asked.append)
    served.open()
    with playing(browser, *asked) as it:
        it.page.wait_for_url("http://127.0.0.1:*/*")
        it.is_training()
        assert it.errors == []


def test_fifty_pages_are_open_at_once(browser: "Browser") -> None:
    """Each stops after an epoch; then all are asked for one more."""
    server = Playground()
    url = f"{server.open(browser=False)}&v=1&stop={quote(json.dumps({'epoch': 1}))}"
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    try:
        pages = list[Playing]()
        for _ in range(50):
            pages.append(opened(context, url))
            pages[-1].until(f"{DESKTOP}?.frame?.epoch === 1")
        for it in pages:
            it.store("store.session.stepEpoch()")
        for it in pages:
            it.until(f"{DESKTOP}.frame.epoch === 2")
            assert it.store("store.frame.engine") == "wasm"
            assert it.page.evaluate(DRAWN)
            assert not it.store("store.given.server.isGone")
            assert it.errors == []
    finally:
        context.close()
        server.close()


def test_the_server_gives_the_page_its_net_and_takes_the_weights(
    browser: "Browser", served: Playground
) -> None:
    before = served.net.parameters.copy()
    with playing(browser, served.open(browser=False)) as it:
        it.wait_for_epoch(5)
        it.store("store.session.pause()")
        assert it.store("store.state.data.kind") == "rows"
        assert "token" not in it.page.url
        first = it.parameters(0)
        np.testing.assert_array_equal(np.array(first, np.float32), before)
        last = it.parameters(40)
        it.until("!performance.getEntriesByType('resource').some((e) => !e.responseEnd)")
        it.page.wait_for_timeout(1500)  # so long weights are gathered before they go
        assert it.errors == []
    np.testing.assert_array_equal(served.net.parameters, np.array(last, np.float32))


def test_after_a_reload_the_server_is_still_near(browser: "Browser", served: Playground) -> None:
    with playing(browser, served.open(browser=False)) as it:
        it.is_training()
        it.page.reload()
        it.is_training()
        assert it.store("Boolean(store.given.server)")


def test_without_the_token_the_page_works_by_itself(browser: "Browser", served: Playground) -> None:
    with playing(browser, served.open(browser=False).split("#")[0]) as it:
        it.is_training()
        assert it.store("store.given.server") is None
        assert it.store("store.state.data.kind") == "circle"  # the rows are not given away
        it.page.get_by_text("This address lacks its key").wait_for()


def test_a_program_takes_over_and_the_bits_stay(
    browser: "Browser", served: Playground, tmp_path: Path
) -> None:
    net = served.net
    path = tmp_path / "net.html"
    write_document(path, served._given)
    with playing(browser, path.as_uri()) as it:  # by recorded pages alone
        it.wait_for_epoch(2)
        expected = it.parameters(STEPS)
    path = served.save(path)  # with a program in it
    for url in (path.as_uri(), served.open(browser=False)):
        with playing(browser, url) as it:
            it.until(f"{DESKTOP}?.frame?.engine === 'wasm'")
            it.is_training()
            assert it.parameters(STEPS) == expected
            assert it.errors == []
    assert len(expected) == len(net.parameters)


def test_a_layer_of_ones_own_has_the_bits_of_python(browser: "Browser", tmp_path: Path) -> None:
    x, y = hg.data.make_moons(100, noise=0.1, rng=0)
    net = hg.Net(hg.Linear(2, 4, rng=0), Bent(4), hg.Linear(4, 2, rng=1), hg.Softmax())
    page = Playground(net, _table(x, y, net))
    path = tmp_path / "own.html"
    write_document(path, page._given)
    with playing(browser, path.as_uri()) as it:
        it.wait_for_epoch(2)
        state = it.store("store.state")
        assert it.store("store.frame.engine") == "pages"
        found = it.parameters(STEPS)
        assert it.errors == []
    try:
        with playing(browser, page.open(browser=False)) as it:
            it.until(f"{DESKTOP}?.frame?.engine === 'wasm'")
            assert it.parameters(STEPS) == found
            assert it.errors == []
    finally:
        page.close()
    rows, _ = split_of(len(x), state["share"], state["seed"])
    batch = state["batch_size"]
    assert STEPS * batch % len(rows) == 0
    hg.fit(
        net,
        (x[rows].astype(np.float32), y[rows]),
        loss=hg.CrossEntropyLoss(),
        optimizer=hg.SGD(0.03),
        epochs=STEPS * batch // len(rows),
        batch_size=batch,
        rng=state["seed"],
        engine="portable",
    )
    np.testing.assert_array_equal(np.array(found, np.float32), net.parameters)


def test_where_webassembly_is_refused_the_pages_go_on(
    browser: "Browser", served: Playground, tmp_path: Path
) -> None:
    changed = with_policy(served.save(tmp_path / "net.html"), " 'wasm-unsafe-eval'", "")
    with playing(browser, changed.as_uri()) as it:
        it.is_training()
        it.page.wait_for_timeout(1000)
        assert it.store("store.frame.engine") != "wasm"
        it.is_training()


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_is_read_and_trained_on(
    browser: "Browser", served: Playground, tmp_path: Path, ending: str
) -> None:
    rng = np.random.default_rng(0)
    columns = {"age": rng.normal(size=200), "size": rng.normal(size=200)}
    table = pa.table({**columns, "kind": np.where(columns["age"] > 0, "old", "young")})
    path = tmp_path / f"t.{ending}"
    if ending == "csv":
        pa.csv.write_csv(table, path)
    else:
        pa.parquet.write_table(table, path)
    with playing(browser, served.open(browser=False)) as it:
        it.wait_for_epoch(2)
        it.page.locator(FILE).set_input_files(path)
        it.until("document.getElementById('playground').store.state.data.rows.names[0] === 'age'")
        assert it.store("store.state.data.rows.classes") == ["old", "young"]
        it.store("store.session.play()")
        it.is_training()
        assert it.errors == []


def test_a_table_that_is_too_difficult_for_the_page_is_read_by_python(
    browser: "Browser", served: Playground, tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(gzip.compress(b"age,size,kind\n" + b"1,2,old\n3,4,young\n" * 20))
    with playing(browser, served.open(browser=False)) as it:
        it.wait_for_epoch(2)
        it.page.locator(FILE).set_input_files(path)
        it.until("document.getElementById('playground').store.state.data.rows.names[0] === 'age'")
        assert it.store("store.state.data.rows.classes") == ["old", "young"]
        assert not it.page.locator(".own-table .refusal").is_visible()


def test_a_table_that_is_none_is_refused_in_its_place(
    browser: "Browser", served: Playground, tmp_path: Path
) -> None:
    (tmp_path / "t.parquet").write_bytes(b"nothing")
    with playing(browser, served.open(browser=False)) as it:
        it.wait_for_epoch(2)
        it.page.locator(FILE).set_input_files(tmp_path / "t.parquet")
        it.until("!document.querySelector('.own-table .refusal').hidden")
        said = it.page.locator(".own-table .refusal").text_content()
        assert said is not None
        assert "t.parquet" in said
        it.is_training()


def test_where_the_server_goes_the_page_says_so_and_goes_on(
    browser: "Browser", served: Playground, tmp_path: Path
) -> None:
    with playing(browser, served.open(browser=False)) as it:
        it.wait_for_epoch(2)
        served.close()
        it.page.get_by_text("The program that opened this page has ended").wait_for()
        it.is_training()
        assert it.store("store.given.server.isGone")


@pytest.fixture
def served_large() -> Iterator[Playground]:
    x, y = hg.data.make_moons(400, noise=0.1, rng=0)
    layers = [hg.Linear(2, 96, rng=0), hg.Tanh(), hg.Linear(96, 96, rng=1), hg.Tanh()]
    net = hg.Net(*layers, hg.Linear(96, 2, rng=2), hg.Softmax())
    page = Playground(net, _table(x, y, net), optimizer=hg.SGD(0.01))
    page.open(browser=False)
    yield page
    page.close()


def test_a_large_net_is_trained_by_the_server_and_shown_in_the_page(
    browser: "Browser", served_large: Playground
) -> None:
    may = ["clipboard-read", "clipboard-write"]
    with playing(browser, served_large.open(browser=False), permissions=may) as it:
        it.wait_for_epoch(2)
        it.store("store.session.set({ batch_size: 100 })")
        it.until(f"{DESKTOP}?.frame?.engine === 'native'")
        it.is_training()
        it.page.get_by_text("native, on the server").wait_for()
        it.until("location.hash.includes('exact=0')")
        it.page.locator(PLAY).click()
        it.until(f"!{DESKTOP}.frame.playing")
        at = it.store("store.frame.step")
        assert it.store("store.frame.history.epochs.length") > 2
        said = it.store("({ ...store.frame.losses, ...store.frame.metrics.test })")
        right, rows = it.store(
            "(({ matrix: [[a, b], [c, d]] }) => [a + d, a + b + c + d])"
            "((await store.session.request('confusion')).test)"
        )
        assert said["accuracy"] == pytest.approx(right / rows)
        it.page.get_by_role("button", name="Copy link").click()
        it.page.get_by_text(
            "hg.learn.replay cannot reproduce the weights of the native engine"
        ).wait_for()
        link = it.page.evaluate("navigator.clipboard.readText()")
        assert "exact=0" in link
        assert "step=" not in link  # the page would come to other weights there
        it.page.wait_for_timeout(300)
        assert it.store("store.frame.step") == at
        it.page.locator(PLAY).click()
        it.until(f"{DESKTOP}.frame.engine === 'native' && {DESKTOP}.frame.step > {at}")
        assert it.errors == []
        served_large.close()
        it.page.get_by_text("The program that opened this page has ended").wait_for()
        it.until(f"{DESKTOP}.frame.engine !== 'native'")
        it.is_training()
        assert it.store("store.frame.exact") is False


def test_every_file_of_python_is_had_from_the_page(browser: "Browser", served: Playground) -> None:
    with playing(browser, served.open(browser=False), accept_downloads=True) as it:
        it.wait_for_epoch(2)
        it.store("store.session.pause()")
        for name in ("net.py", "net.c", "net.safetensors"):
            size = it.store(
                "(await store.given.server.file(given, await store.session.request('model'))).size",
                name,
            )
            assert size > 300


def test_the_doctor_is_asked_from_the_page(browser: "Browser", served: Playground) -> None:
    with playing(browser, served.open(browser=False)) as it:
        it.wait_for_epoch(2)
        found = it.store("store.given.server.doctor(await store.session.request('model'))")
        assert isinstance(found, list)

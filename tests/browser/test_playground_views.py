"""The views of the playground upon a session of known numbers: what they show, keys, faults."""

import base64
import json
import mimetypes
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import numpy as np
import pytest

import handgrad as hg
from handgrad.learn.playground.document import words
from handgrad.learn.playground.pages import traced_modules
from handgrad.learn.playground.state import state_in
from tests.browser.axe import violations
from tests.browser.sight import CUT_OFF, DESKTOP, HEIGHT, PHONE, TEXT_RECTANGLES
from tests.learn.playground.in_node import fragment_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
WORDS = ROOT / "web/playground/views/words.json"
ALL = (
    *("plane", "curves", "confusion", "hidden", "loss_plane"),
    *("race", "seeds", "slider", "health", "explain_band"),
)
Views = Callable[..., "Page"]


def served(route: "Route") -> None:
    for name, content in {"pages.json": traced_modules, "words.json": words}.items():
        if route.request.url == f"http://handgrad.test/{name}":
            route.fulfill(json=content())
            return
    path = ROOT / urlsplit(route.request.url).path.lstrip("/")
    kind = mimetypes.guess_type(path.name)[0] or "text/plain"
    route.fulfill(path=path, content_type=kind) if path.is_file() else route.abort()


@pytest.fixture
def views(browser: "Browser") -> Iterator[Views]:
    """Opens a page with some views; at its end, nothing may have been said on its console."""
    contexts, said = [], []
    traced_modules()  # takes seconds, once

    def opened(
        *names: str, width: int = DESKTOP, scheme: Any = "light", language: str = "en", **given: Any
    ) -> "Page":
        context = browser.new_context(
            viewport={"width": width, "height": 4 * HEIGHT},
            color_scheme=scheme,
            reduced_motion="reduce",
            has_touch=True,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(9000)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.route("**/*", served)
        asked = f"views={','.join(names)}&language={language}&given={quote(json.dumps(given))}"
        page.goto(f"http://handgrad.test/tests/browser/views/page.html?{asked}")
        page.wait_for_function("window.ready")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []


def output(a: Any, b: Any, c: Any = 0.0) -> Any:
    """The session's net: the probability of the second class."""
    return 1 / (1 + np.exp(-(4 - a * a - b * b + c)))


def text(page: "Page", selector: str) -> str:
    return str(page.locator(selector).inner_text())


def changes(page: "Page") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate("session.calls")
    return found


def numbers(packed: str) -> Any:
    """The float32 of a state's text."""
    filled = packed + "=" * (-len(packed) % 4)
    return np.frombuffer(base64.urlsafe_b64decode(filled), np.float32)


def at_stage(page: "Page", a: float, b: float) -> tuple[float, float]:
    """Where a place of the plane, which goes from -3 to 3 each way, is in the window."""
    page.locator(".stage .points").scroll_into_view_if_needed()
    box = page.locator(".stage .points").bounding_box()
    assert box is not None
    return box["x"] + (a + 3) / 6 * box["width"], box["y"] + (3 - b) / 6 * box["height"]


def drawn(page: "Page") -> "Page":
    page.wait_for_function("document.querySelector('.across b')?.textContent")
    return page


def pixel(page: "Page", a: float, b: float) -> list[int]:
    """The colour of the map at a place of the plane."""
    found: list[int] = page.evaluate(
        """([a, b]) => {
          const canvas = document.querySelector(".stage .map");
          const at = [(a + 3) / 6, (3 - b) / 6].map((s) => Math.floor(s * canvas.width));
          const copy = document.createElement("canvas").getContext("2d",
            { willReadFrequently: true });
          copy.drawImage(canvas, ...at, 1, 1, 0, 0, 1, 1);
          return [...copy.getImageData(0, 0, 1, 1).data.slice(0, 3)];
        }""",
        [a, b],
    )
    return found


# ---- all of them


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [DESKTOP, 820, PHONE])
def test_all_stay_in_their_place_and_axe_finds_nothing(
    views: Views, width: int, scheme: str, language: str
) -> None:
    page = drawn(views(*ALL, width=width, scheme=scheme, language=language, columns=4))
    page.evaluate("views.explain_band.pointAt({ column: 1, unit: 0 })")
    for name in {"en": ("Race", "Train them"), "zh": ("开赛", "一起训练")}[language]:
        page.get_by_role("button", name=name, exact=True).click()
    page.locator(".maps button").nth(15).wait_for()
    page.locator(".explain").scroll_into_view_if_needed()
    page.locator(".explain .result").first.wait_for()
    page.locator(".loss_plane circle").first.wait_for()
    page.evaluate("document.querySelectorAll('details').forEach((e) => e.open = true)")
    assert page.evaluate("document.scrollingElement.scrollWidth") == width
    for piece in page.evaluate(TEXT_RECTANGLES):
        assert piece["left"] >= 0, piece
        assert piece["right"] <= width, piece
    cut = [e for e in page.evaluate(CUT_OFF) if "unseen" not in e and 'id="view-slider"' not in e]
    assert cut == []
    assert violations(page) == []


@pytest.mark.parametrize("given", [{"bad": True}, {"rowless": True}], ids=["NaN", "empty"])
def test_what_is_no_number_or_empty_is_drawn_without_a_fault(
    views: Views, given: dict[str, Any]
) -> None:
    page = views(*ALL, frame=given, n=0 if "rowless" in given else 50)
    page.wait_for_timeout(300)
    assert not re.search(r"NaN(?! or infin)", text(page, "#place"))
    assert "undefined" not in text(page, "#place")
    assert "Infinity" not in text(page, "#place")


def test_words_are_the_same_in_both_languages() -> None:
    words = json.loads(WORDS.read_text("utf-8"))
    assert [*words["en"]] == [*words["zh"]]
    for key, sentence in words["en"].items():
        holes = [sorted(re.findall(r"\{\w+\}", text)) for text in (sentence, words["zh"][key])]
        assert holes[0] == holes[1], key


def test_other_rows_that_come_in_training_are_drawn_with_their_names(views: Views) -> None:
    page = drawn(views("plane"))
    page.evaluate(
        """() => {
          const asked = session.request;
          const table = { names: ["age", "town"], classes: ["no", "yes"] };
          session.request = async (kind, options) => {
            const found = await asked(kind, options);
            return kind === "rows" ? { ...found, ...table } : found;
          };
          show({ version: 2, playing: true });
        }"""
    )
    page.wait_for_function("document.querySelector('.across b').textContent === 'age'")
    assert text(page, ".up b") == "town"
    assert text(page, ".legend").split() == ["no", "yes"]


def test_what_no_eye_sees_asks_for_nothing(views: Views) -> None:
    page = drawn(views(*ALL))
    page.wait_for_timeout(700)
    page.evaluate("document.getElementById('place').hidden = true")
    page.wait_for_timeout(700)
    before = page.evaluate("session.asked.length")
    page.evaluate("for (let epoch = 41; epoch < 90; epoch++) show({ epoch, playing: true })")
    page.wait_for_timeout(700)
    assert page.evaluate("session.asked.length") == before
    page.evaluate("document.getElementById('place').hidden = false")
    page.wait_for_timeout(300)
    assert page.evaluate("session.asked.length") > before
    assert text(page, ".curves .train b") == page.evaluate("(0.5 / 90).toPrecision(4).slice(0, 8)")


@pytest.mark.parametrize("kind", ["rows", "hidden", "lossPlane", "confusion", "activations"])
def test_a_request_that_fails_is_said(views: Views, kind: str) -> None:
    page = views(*ALL, broken=kind)
    page.locator(".problem:visible").first.wait_for()
    assert text(page, ".problem:visible >> nth=0") == "Not computed: out of luck"


def test_on_paper_and_with_a_theme_they_are_drawn_anew(views: Views) -> None:
    page = drawn(views("plane", scheme="dark"))
    dark = pixel(page, 0, 2)
    page.emulate_media(color_scheme="light")
    for _ in range(50):
        page.wait_for_timeout(100)
        if sum(pixel(page, 0, 2)) > sum(dark) + 100:
            break
    else:
        pytest.fail("it is as dark as before")


# ---- the plane


@pytest.mark.parametrize("logits", [False, True], ids=["probabilities", "logits"])
def test_the_map_has_the_colours_of_the_probabilities(views: Views, logits: bool) -> None:
    page = drawn(views("plane", logits=logits))
    orange, blue, paper = (np.array(c) for c in ([213, 94, 0], [0, 114, 178], [255, 255, 255]))
    for a, b in [(0.1, 0.1), (1.5, 0.9), (2.9, 2.9), (1.9, 0.5), (-1.2, -2.2)]:
        p = output(a, b)
        clear = 0.62 * (0.15 + 0.85 * abs(2 * p - 1))
        expected = paper + clear * ((blue if p > 0.5 else orange) - paper)
        np.testing.assert_allclose(pixel(page, a, b), expected, atol=14)
    page.get_by_label("Discretize output", exact=True).check()
    expected = paper + 0.62 * (orange - paper)
    np.testing.assert_allclose(pixel(page, 2.05, 0), expected, atol=2)
    assert changes(page)[-1]["view"]["discretize"] is True


def test_a_regression_has_a_scale_from_its_least_to_its_largest(views: Views) -> None:
    page = drawn(views("plane", problem="regression"))
    most = np.abs(page.evaluate("[...session.rows().y]")).max()
    low, high = page.locator(".plane .legend > span:not(.scale)").all_inner_texts()
    assert (float(low), float(high)) == pytest.approx((-most, most), rel=5e-3)
    value = 8 * output(0.1, 0.1) - 2
    paper, blue = np.array([255, 255, 255]), np.array([0, 114, 178])
    expected = paper + 0.62 * value / most * (blue - paper)
    np.testing.assert_allclose(pixel(page, 0.1, 0.1), expected, atol=4)


@pytest.mark.parametrize("logits", [False, True], ids=["probabilities", "logits"])
def test_the_number_under_the_pointer_is_the_nets(views: Views, logits: bool) -> None:
    page = drawn(views("plane", logits=logits))
    page.mouse.move(*at_stage(page, 1.5, -0.9))
    page.locator(".readout b").wait_for()
    found = re.fullmatch(r"x1 = (.+), x2 = (.+) → inside, (.+)%", text(page, ".plane .readout"))
    assert found is not None
    a, b, percent = map(float, found.groups())
    assert (a, b) == pytest.approx((1.5, -0.9), abs=0.02)
    assert percent == pytest.approx(100 * output(a, b), abs=0.5)


def test_a_neuron_has_its_large_map(views: Views) -> None:
    page = drawn(views("plane"))
    page.evaluate("views.plane.pick({ column: 1, unit: 1 })")
    page.wait_for_function("document.querySelector('.plane .scale')")
    assert pixel(page, 2.5, 0)[2] > pixel(page, 2.5, 0)[0] + 50
    assert pixel(page, -2.5, 0)[0] > pixel(page, -2.5, 0)[2] + 50
    page.mouse.move(*at_stage(page, 1.5, -0.9))
    page.locator(".readout b").wait_for()
    said = text(page, ".plane .readout")
    value = float(said.split()[-1])
    assert text(page, ".plane h3") == "layer 1, neuron 2"
    assert value == pytest.approx(np.tanh(1.5 - 0.25), abs=0.02)
    page.evaluate("views.plane.pick(null)")
    assert "outside" in text(page, ".plane .legend")


def test_points_are_drawn_moved_and_deleted_by_keyboard(views: Views) -> None:
    page = drawn(views("plane"))
    keys, n = page.keyboard, page.evaluate("session.rows().n")
    page.get_by_label("draw", exact=True).check()
    page.get_by_label("class", exact=True).select_option(label="inside")
    page.locator(".stage .points").focus()
    for _ in range(4):
        keys.press("ArrowRight")
    keys.press("ArrowUp")
    keys.press("Enter")
    rows = changes(page)[-1]["data"]["rows"]
    assert changes(page)[-1]["data"]["kind"] == "rows"
    assert (rows["names"], rows["classes"]) == (["x1", "x2"], ["outside", "inside"])
    np.testing.assert_allclose(numbers(rows["x"])[-2:], [0.6, 0.15], atol=1e-5)
    assert numbers(rows["y"])[-1] == 1
    assert len(numbers(rows["y"])) == n + 1
    page.get_by_label("move", exact=True).check()
    page.locator(".stage .points").focus()
    keys.press("PageDown")
    keys.press("Enter")
    keys.press("ArrowLeft")
    keys.press("Enter")
    moved = numbers(changes(page)[-1]["data"]["rows"]["x"]) - numbers(rows["x"])
    assert np.flatnonzero(moved).size == 1
    assert moved.min() == pytest.approx(-0.15, abs=1e-5)
    page.get_by_label("delete", exact=True).check()
    page.locator(".stage .points").focus()
    keys.press("PageDown")
    keys.press(" ")
    assert len(numbers(changes(page)[-1]["data"]["rows"]["y"])) == n
    assert page.locator(".plane .readout").get_attribute("aria-live") == "polite"


def test_points_are_drawn_and_moved_by_pointer_and_touch(views: Views) -> None:
    page = drawn(views("plane", problem="regression", n=1))
    page.get_by_label("draw", exact=True).check()
    page.get_by_label("value", exact=True).fill("7.5")
    page.touchscreen.tap(*at_stage(page, -1, 2))
    rows = changes(page)[-1]["data"]["rows"]
    np.testing.assert_allclose(numbers(rows["x"])[2:], [-1, 2], atol=0.02)
    assert numbers(rows["y"])[1] == 7.5
    assert rows["classes"] is None
    page.get_by_label("move", exact=True).check()
    page.mouse.move(*at_stage(page, -1, 2))
    page.mouse.down()
    page.mouse.move(*at_stage(page, 0, 1))
    page.mouse.move(*at_stage(page, 1, 1))
    page.mouse.up()
    moved = numbers(changes(page)[-1]["data"]["rows"]["x"])
    np.testing.assert_allclose(moved[2:], [1, 1], atol=0.03)
    page.get_by_label("delete", exact=True).check()
    page.mouse.click(*at_stage(page, 1, 1))
    assert len(numbers(changes(page)[-1]["data"]["rows"]["y"])) == 1


def test_who_draws_points_sees_those_that_test_too(views: Views) -> None:
    page = drawn(views("plane"))
    inked = """() => {
      const { width, height } = document.querySelector(".stage .points");
      const copy = document.createElement("canvas");
      [copy.width, copy.height] = [width, height];
      const pen = copy.getContext("2d", { willReadFrequently: true });
      pen.drawImage(document.querySelector(".stage .points"), 0, 0);
      return pen.getImageData(0, 0, width, height).data.filter((_, i) => i % 4 === 3).
        reduce((sum, alpha) => sum + alpha / 255, 0);
    }"""
    every = page.evaluate(inked)
    page.get_by_label("Test points", exact=True).uncheck()
    train = page.evaluate(inked)
    assert 0.5 * every < train < 0.8 * every
    page.get_by_label("move", exact=True).check()
    assert page.evaluate(inked) == pytest.approx(every)


def test_of_more_columns_two_are_chosen_and_the_rest_is_said(views: Views) -> None:
    page = drawn(views("plane", columns=4))
    assert "medians: income = 0.5, age = 0.75" in text(page, ".plane .held")
    page.get_by_label("y axis", exact=True).select_option(label="age")
    assert changes(page)[-1]["view"]["columns"] == [0, 3]
    page.get_by_label("x axis", exact=True).select_option(label="age")
    assert changes(page)[-1]["view"]["columns"][0] == 3


def test_the_map_is_told_to_those_who_hear_it(views: Views) -> None:
    page = drawn(views("plane"))
    said = text(page, ".plane .unseen")
    side = np.linspace(-3, 3, 400)
    share = 100 * (output(*np.meshgrid(side, side)) > 0.5).mean()
    found = re.search(r"Area of each class: outside (.+)%, inside (.+)%", said)
    assert found is not None
    assert [*map(float, found.groups())] == pytest.approx([100 - share, share], abs=1)
    assert "x1 from -3 to 3, x2 from -3 to 3" in said


# ---- curves, confusion, time


def test_losses_stand_as_numbers_lines_and_table(views: Views) -> None:
    page = views("curves")
    assert text(page, ".curves .figures .train b") == "0.0122"
    assert text(page, ".curves .figures .test").endswith("accuracy 92.5%")
    label = page.locator(".curves .chart").get_attribute("aria-label")
    assert label is not None
    assert label.startswith("By epoch 40 the train loss went from 0.5 to 0.0122")
    page.get_by_text("As a table").click()
    page.locator(".curves tbody").wait_for()
    cells = page.locator(".curves tbody tr").last.locator("th, td").all_inner_texts()
    assert cells == ["40", "0.0122", "0.01829"]
    line = page.locator(".chart path.train").get_attribute("d")
    page.get_by_label("Logarithmic scale", exact=True).check()
    assert page.locator(".chart path.train").get_attribute("d") != line
    assert page.locator(".curves .chart").get_by_text("0.01").count() == 1


def test_no_number_is_said_with_epoch_and_layer(views: Views) -> None:
    page = views("curves", frame={"bad": True})
    assert "In epoch 31, layer 2 produced NaN or infinity" in text(page, ".curves .problem")
    assert text(page, ".curves .figures .train b") == "not a number"
    line = page.locator(".chart path.train").get_attribute("d")
    assert line is not None
    assert line.count("L") == 30


def test_confusion_counts_and_shares(views: Views) -> None:
    page = views("confusion")
    page.locator(".confusion .matrix").wait_for()
    assert page.locator(".matrix td").all_inner_texts() == ["20", "5", "1", "24"]
    assert "44 of 50 rows are correct: 88%" in text(page, ".confusion")
    page.get_by_label("rows of", exact=True).select_option("train")
    assert page.locator(".matrix td").all_inner_texts() == ["50", "3", "2", "45"]
    row = page.locator(".confusion table").nth(1).locator("tbody tr").first
    assert row.locator("td").all_inner_texts() == ["96.2%", "94.3%", "95.2%", "53"]


def test_the_slider_goes_by_epoch_step_and_pointer(views: Views) -> None:
    page = views("slider")
    slider = page.get_by_role("slider")
    assert slider.get_attribute("aria-valuetext") == "epoch 40 of 50"
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    assert changes(page)[-2:] == [{"goTo": 820}, {"goTo": 821}]
    assert text(page, ".slider output") == "epoch 41 of 50, batch 1"
    box = slider.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    assert 200 < changes(page)[-1]["goTo"] < 300


def test_the_slider_follows_the_training_after_it_was_drawn_away_and_back(views: Views) -> None:
    """No browser says `change` of a slider that is let go where it was taken."""
    page = views("slider")
    slider = page.get_by_role("slider")
    box = slider.bounding_box()
    assert box is not None
    y, x = box["y"] + box["height"] / 2, box["x"] + box["width"] / 2
    page.evaluate("show({ step: 5, last: 10 })")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + box["width"] / 4, y)
    assert 5 < int(slider.input_value()) < 9
    page.evaluate("show({ step: 9, last: 10 })")
    assert slider.input_value() != "9"  # not while it is held
    page.mouse.move(x, y)
    assert slider.input_value() == "5"
    page.mouse.up()
    page.wait_for_function("session.calls.at(-1).goTo === 5")
    page.evaluate("show({ step: 9, last: 10 })")
    assert slider.input_value() == "9"


# ---- hidden space, loss plane, race, seeds


def test_the_hidden_space_has_the_principal_directions_of_its_rows(views: Views) -> None:
    page = views("hidden")
    page.wait_for_function("document.querySelector('.hidden .said').textContent")
    x = np.array(page.evaluate("[...session.rows().x]")).reshape(-1, 2)
    units = np.tanh([x[:, u % 2 ^ 1] + (-u / 4 if u % 2 else u / 4) for u in range(4)]).T
    spread = np.linalg.eigvalsh(np.cov(units.T, bias=True))[::-1]
    found = re.findall(
        r"principal component \d \((.+?)% of the variance\)", text(page, ".hidden .said")
    )
    expected = 100 * spread[:2] / spread.sum()
    assert [*map(float, found)] == pytest.approx([*expected], abs=0.06)
    page.get_by_label("x axis", exact=True).select_option("u2")
    page.wait_for_function(
        "document.querySelector('.hidden .said').textContent.includes('neuron 3')"
    )
    low, high = re.findall(r"neuron 3, from (.+?) to (.+?);", text(page, ".hidden .said"))[0]
    assert (float(low), float(high)) == pytest.approx(
        (units[:, 2].min(), units[:, 2].max()), rel=6e-3
    )
    page.get_by_label("after", exact=True).select_option("0")
    page.wait_for_function("document.querySelector('.hidden .said').textContent.includes('inputs')")
    assert "2 neurons" in text(page, ".hidden .said")


def test_lines_of_equal_loss_lie_where_the_loss_is_equal(views: Views) -> None:
    page = views("loss_plane")
    page.locator(".loss_plane .level").first.wait_for()
    lines = page.evaluate(
        """async () => {
          const contours = await import("/web/playground/views/contours.js");
          const { losses } = await session.request("lossPlane", { side: 25 });
          const levels = contours.levelsOf(losses);
          return levels.map((level) => [level, contours.contour(losses, 25, level)]);
        }"""
    )
    assert len(lines) == 12
    for level, path in lines:
        points = np.array(re.findall(r"[ML]([\d.]+) ([\d.]+)", path), float) / 12 - 1
        assert len(points) > 4
        bowl = 0.2 + points[:, 0] ** 2 + 2 * points[:, 1] ** 2
        np.testing.assert_allclose(bowl, level, atol=0.012)


def test_the_way_over_the_loss_plane_ends_where_the_net_is(views: Views) -> None:
    page = views("loss_plane")
    page.locator(".loss_plane circle.here").wait_for()
    path = page.evaluate("session.request('lossPlane', { side: 25 }).then(({ path }) => [...path])")
    circle = page.locator(".loss_plane circle.here")
    x, y = (float(circle.get_attribute(name) or "") for name in ("cx", "cy"))
    assert (x / 150 - 1, 1 - y / 150) == pytest.approx((path[-2], path[-1]), abs=1e-3)
    said = text(page, ".loss_plane .said")
    assert "training started at 0.5 and is now at 0.0122" in said
    assert "The plane explains 90% of the path’s variance" in said
    kept = page.locator(".losses").element_handle()
    page.evaluate("for (let epoch = 41; epoch < 50; epoch++) show({ epoch, playing: true })")
    assert page.evaluate("(e) => e.isConnected", kept)  # not drawn anew for each frame
    asked = page.evaluate("session.asked.length")
    page.get_by_role("button", name="New plane at the current weights").press("Enter")
    assert page.evaluate("session.asked.length") == asked + 1


def test_a_race_is_run_by_keyboard_and_told(views: Views) -> None:
    page = views("race")
    page.get_by_label("optimizer", exact=True).select_option("AdamW")
    page.get_by_label("learning rate", exact=True).fill("0.005")
    page.get_by_role("button", name="Add").press("Enter")
    page.get_by_role("button", name="Remove SGD 0.03 momentum=0.9").press("Enter")
    page.get_by_label("epochs", exact=True).fill("30")
    page.get_by_role("button", name="Race").press("Enter")
    page.locator(".race tbody tr").nth(3).wait_for()
    kind, asked = page.evaluate("session.asked.at(-1)")
    assert (kind, asked["epochs"]) == ("race", 30)
    assert asked["racers"][-1] == {"name": "AdamW", "learning_rate": 0.005}
    table = page.locator(".race tbody tr").all_inner_texts()
    assert table[0].split("\t") == ["SGD 0.03", "0.03125", "0.0625"]
    assert table[2].split("\t")[1] == "NaN or infinite from epoch 7"
    assert text(page, ".race .said") == "SGD 0.03 has the lowest train loss, 0.03125."
    assert page.locator(".race .losses polyline").count() == 4


def test_many_seeds_are_spread_and_one_is_taken(views: Views) -> None:
    page = views("seeds")
    page.get_by_label("seeds", exact=True).select_option("4")
    page.get_by_role("button", name="Train them").press("Enter")
    page.locator(".maps button").nth(3).wait_for()
    said = text(page, ".seeds .said")
    assert said.startswith(
        "Test loss after 100 epochs: median 0.0136, from 0.0099 (seed 0) to 0.0173 (seed 3)."
    )
    assert "Accuracy from 90% to 93%" in said
    page.get_by_role("button", name="Seed 2: 0.0149").press("Enter")
    assert changes(page)[-1] == {"seed": 2}


# ---- health, explain


def test_dead_and_saturated_neurons_are_found_and_a_steps_change_is_measured(views: Views) -> None:
    page = views("health")
    page.wait_for_function("document.querySelector('.health').innerText.includes('healthy')")
    page.locator(".health table").nth(1).wait_for()
    rows = [row.split("\t") for row in page.locator(".health tbody tr").all_inner_texts()]
    assert rows[-2:] == [["1 Tanh", "4", "–", "1 (25%)"], ["2 ReLU", "4", "1 (25%)", "–"]]
    sizes = [np.sqrt(((1.04 + np.arange(8) / 10) ** 2).sum()), 0.01 * np.sqrt(8)]
    assert [*map(float, rows[0][1:3])] == pytest.approx(sizes, rel=5e-3)
    change = 100 * 0.0005 * np.sqrt(8) / sizes[0]
    assert float(rows[0][3].split()[0]) == pytest.approx(change, rel=0.05)
    assert [row[3].split("(")[1] for row in rows[:3]] == [
        "healthy)",
        "healthy)",
        "no change)",
    ]


def test_the_doctor_is_asked_where_a_library_is_near(views: Views) -> None:
    page = views("health", hasServer=True)
    page.get_by_role("button", name="Run the doctor").press("Enter")
    page.locator(".findings li").wait_for()
    said = text(page, ".findings").split("\n")
    assert [part for part in said if part] == [
        "dead units · layer 2",
        "20 weights",
        "try LeakyReLU",
    ]
    assert "needs Python" in text(views("health"), ".health .hint")


def test_the_band_tells_of_what_is_pointed_at(views: Views) -> None:
    page = views("explain_band")
    assert text(page, ".explain .said").startswith("Point at a neuron or a link")
    page.evaluate("views.explain_band.pointAt({ column: 2, unit: 1, from: 0 })")
    page.locator(".explain .result").nth(1).wait_for()
    assert text(page, ".explain .said") == "Row 0: from layer 1, neuron 1 to layer 2, neuron 2"
    assert "y_2[0,1] = tanh(0.5·0.4 + (−0.25)·1.2 + 0.1)" in text(page, ".explain .forward")
    assert "dx = (1 − 0 ^ 2) · 0.3 = 0.3" in text(page, ".explain .backward li")
    page.evaluate("show({ phase: { way: 'backward', column: 1 } })")
    assert text(page, ".explain .said") == "Row 0: layer 1, neuron 1"
    assert page.locator(".explain").get_attribute("data-phase") == "backward"
    page.get_by_label("row", exact=True).fill("7")
    page.keyboard.press("Tab")
    page.wait_for_function("session.asked.at(-1)[1].row === 7")


def test_the_band_names_the_row_that_it_tells_of(views: Views) -> None:
    page = views("explain_band")
    page.evaluate("views.explain_band.pointAt({ column: 1, unit: 0 })")
    page.locator(".explain .result").first.wait_for()
    row = page.get_by_label("row", exact=True)
    for written, told in (("2.7", "3"), ("-4", "0"), ("5", "5")):
        row.fill(written)
        assert row.input_value() == written  # not changed below the hands
        page.keyboard.press("Tab")
        page.wait_for_function(
            "(said) => document.querySelector('.explain .said').textContent === said",
            arg=f"Row {told}: layer 1, neuron 1",
        )
        assert row.input_value() == told
        assert f"y_1[{told},0] = " in text(page, ".explain .forward")


# ---- upon a session that trains, beside the same training in Python


@pytest.mark.parametrize("data", ["xor", "plane"])
def test_they_show_what_the_same_training_in_python_comes_to(views: Views, data: str) -> None:
    state = state_in(f"#v=1&data={data}&n=80&layers=3:ReLU&step=40")
    page = views(*ALL, state=state)
    page.locator(".losses .here").first.wait_for()
    page.get_by_role("button", name="Race").click()
    page.get_by_role("button", name="Train them").click()
    page.locator(".maps button").nth(15).wait_for()
    net = hg.learn.replay("#" + fragment_of(state)).net
    model = "session.request('model').then(({ x, y, n }) => ({ x: [...x], y: [...y], n }))"
    given = page.evaluate(model)
    x, y = (np.array(given[name], np.float32).reshape(given["n"], -1) for name in "xy")
    predicted = net.predict(x)
    page.mouse.move(*at_stage(page, 1, 1))  # of a plane that goes from -6 to 6
    page.locator(".readout b").wait_for()
    answer, said = net.predict([[2.0, 2.0]])[0], text(page, ".plane .readout b")
    page.get_by_label("rows of", exact=True).select_option("train")
    if data == "plane":
        loss = hg.MSELoss().forward(predicted, y)
        assert float(said) == pytest.approx(answer[0], abs=0.03)
        rmse = float(page.locator(".confusion td").all_inner_texts()[1])
        assert rmse == pytest.approx(np.sqrt(loss), rel=1e-3)
    else:
        loss = hg.CrossEntropyLoss().forward(predicted, y[:, 0].astype(int))
        name, percent = said.rstrip("%").split(", ")
        assert name == str(answer.argmax())
        assert float(percent) == pytest.approx(100 * answer.max(), abs=2)
        counts = np.zeros((2, 2), int)
        np.add.at(counts, (y[:, 0].astype(int), predicted.argmax(axis=1)), 1)
        assert [*map(int, page.locator(".matrix td").all_inner_texts())] == [*counts.ravel()]
    assert float(text(page, ".curves .figures .train b")) == pytest.approx(float(loss), rel=1e-3)

"""The page of a language model in a real browser: what it tells is what handgrad computes."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.portable.next_token import portable_read
from handgrad.textbook.layers import Array
from handgrad.textbook.net.next_token import NextToken
from tests.browser.axe import violations
from tests.browser.sight import (
    CONTRASTS,
    CUT_OFF,
    DESKTOP,
    PHONE,
    TEXT_RECTANGLES,
    Look,
    looking_in,
)
from tests.exchange.exporting.test_text_files import NAMES, model

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

TEXTS = ["the cat", "über", " said: 世界 😀 the"]
LANGUAGES = {"en": "English", "zh": "中文"}
FONT_SIZES = """[...document.querySelectorAll("body *")].filter((e) => e.innerText?.trim())
  .map((e) => parseFloat(getComputedStyle(e).fontSize))"""


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("writers")
    for name in NAMES:
        hg.export(model(name), folder / f"{name}.html")
    return folder


@pytest.fixture
def look(browser: "Browser", pages: Path) -> Iterator[Look]:
    with looking_in(browser, pages) as at:
        yield at


def typed(page: "Page", text: str, temperature: float = 1.0, seed: object = 7) -> None:
    """Type a text, and wait until the page has written what follows."""
    for field, value in {"seed": str(seed), "text": text}.items():
        page.locator(f"#{field}").fill(value)
    slide = "(e, value) => { e.value = value; e.dispatchEvent(new Event('input')); }"
    page.locator("#temperature").evaluate(slide, str(temperature))
    finished(page)


def finished(page: "Page") -> None:
    page.locator("#append:enabled").wait_for()


def values(page: "Page", selector: str) -> list[float]:
    found: list[float] = page.eval_on_selector_all(selector, "all => all.map(e => +e.value)")
    return found


def read_by(net: hg.Net, name: str, text: str, temperature: float) -> list[Array]:
    """Probabilities after each token of a text, by a step of this net."""
    fitted = model(name)
    codes = fitted.encode(text)[-fitted.context :].tolist()
    read = portable_read(NextToken(net, fitted.context))
    at = [1.0] * (len(codes) - 1) + [temperature]
    return [read([code], i, t) for (i, code), t in zip(enumerate(codes), at, strict=True)]


@pytest.mark.parametrize("name", NAMES)
def test_what_comes_next_is_that_of_handgrad_to_the_float(look: Look, name: str) -> None:
    sight = look(name, DESKTOP)
    for text in TEXTS:
        for temperature in (1.0, 0.55):
            typed(sight.page, text, temperature)
            p = read_by(model(name).net_, name, text, temperature)[-1]
            expected = sorted(p.tolist(), reverse=True)[:12]
            assert values(sight.page, "#bars data") == expected
            assert values(sight.page, "#bars data")[0] == p.max()
    sight.page.locator("#about summary").click()
    sight.page.get_by_text("The 400 characters of the texts").wait_for()
    assert sight.said == sight.failed == []
    assert sight.asked_for == [sight.address]


@pytest.mark.parametrize("name", NAMES)
def test_it_continues_as_handgrad_does_for_a_seed(look: Look, name: str) -> None:
    page = look(name, DESKTOP).page
    for text, temperature, seed in [("the cat", 1.0, 0), ("", 0.8, 2**64 - 1), (TEXTS[2], 0.0, 5)]:
        typed(page, text, temperature, seed)
        expected = model(name).write(text, length=200, temperature=temperature, rng=seed)
        assert text + str(page.locator("#continuation").text_content()) == expected
    page.locator("#append").click()
    finished(page)
    assert page.locator("#text").input_value() == expected


@pytest.mark.parametrize("name", NAMES)
def test_surprisal_and_its_mean_are_those_of_handgrad(look: Look, name: str) -> None:
    page, fitted, text = look(name, DESKTOP).page, model(name), "the cat"
    page.locator("#text").fill("")
    for end in range(1, len(text) + 1):  # by keys: each one is read after the others
        page.locator("#text").press_sequentially(text[end - 1])
    finished(page)
    codes = fitted.encode(text)[-fitted.context :]
    p = read_by(fitted.net_, name, text, 1.0)
    n = fitted.pairs_.lengths[codes]
    bits = [-np.log2(float(p[i][codes[i + 1] - 1])) for i in range(len(codes) - 1)]
    shown = values(page, "#surprisal data")
    np.testing.assert_allclose(shown[1:], bits / n[1:], rtol=1e-14)
    if len(codes) > 1:
        mean = f"{sum(bits) / n[1:].sum():.3g}"
        assert f"Mean: {mean} bits" in page.locator("#surprisal-said").inner_text()


def without(net: hg.Net, blocks: set[int]) -> hg.Net:
    """The net without these residual blocks."""
    kept, i = [], -1
    for layer in net.layers:
        i += isinstance(layer, hg.Residual)
        if not (isinstance(layer, hg.Residual) and i in blocks):
            kept.append(copy.deepcopy(layer))
    return hg.Net(*kept)


@pytest.mark.parametrize("blocks", [{0}, {1}, {2, 3}, {0, 1, 2, 3}])
def test_a_layer_that_is_off_is_one_that_the_net_lacks(look: Look, blocks: set[int]) -> None:
    page = look("characters", DESKTOP).page
    typed(page, "the cat")
    before = values(page, "#bars data")
    boxes = page.locator("#blocks input")
    for i in blocks:
        boxes.nth(i).uncheck()
    finished(page)
    p = read_by(without(model("characters").net_, blocks), "characters", "the cat", 1.0)[-1]
    assert values(page, "#bars data") == sorted(p.tolist(), reverse=True)[:12] != before
    for i in blocks:
        boxes.nth(i).check()
    finished(page)
    assert values(page, "#bars data") == before


def test_the_attention_of_each_head_is_that_of_the_layers(look: Look) -> None:
    page, fitted = look("characters", DESKTOP).page, model("characters")
    typed(page, "the cat sat")
    net = copy.deepcopy(fitted.net_)
    net.forward(fitted.encode("the cat sat")[None])
    weights = [p for _, layer in net.walk() if (p := getattr(layer, "p", None)) is not None]
    heads = np.concatenate(weights, axis=1)[0]
    radios = page.get_by_role("radiogroup", name="Attention").get_by_role("radio")
    assert radios.count() == len(heads) == 4
    radios.first.focus()
    for k, head in enumerate(heads):
        if k:
            page.keyboard.press("ArrowRight")
        np.testing.assert_allclose(values(page, "#attention data"), head[-1], atol=2e-6)
    page.locator("#attention").focus()
    for key in ("Home", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    np.testing.assert_allclose(values(page, "#attention data"), heads[-1][2], atol=2e-6)
    assert "“e”, token 3" in page.locator("#attention-at").inner_text()


def test_an_unknown_character_and_a_wrong_seed_are_named(look: Look) -> None:
    page = look("characters", PHONE).page
    page.locator("#text").fill("the caΩt")
    said = page.locator("#text-read").inner_text()
    for part in ("Character 7, “Ω”", "Expected: one of the 31", "Try: remove it"):
        assert part in said
    assert page.locator("#headline").inner_text().startswith("No prediction yet")
    assert page.locator("#append").is_disabled()
    assert page.locator("#text").get_attribute("aria-invalid") == "true"
    page.get_by_role("button", name="中文").click()
    assert "第 7 个字符“Ω”" in page.locator("#text-read").inner_text()
    page.get_by_role("button", name="English").click()
    page.locator("#text").fill("the cat")
    finished(page)
    for wrong in ("-1", "", "1.5", str(2**64)):
        page.locator("#seed").fill(wrong)
        assert "Expected: a whole number" in page.locator("#seed-read").inner_text()
        assert page.locator("#append").is_disabled()


def test_a_next_token_is_appended_by_keyboard(look: Look) -> None:
    page = look("sub_words", DESKTOP).page
    typed(page, "the")
    best = model("sub_words").pairs_.tokens[1 + int(read_by(*next_of("the"))[-1].argmax())]
    page.locator("#bars button").first.focus()
    page.keyboard.press("Enter")
    finished(page)
    assert page.locator("#text").input_value() == "the" + best


def next_of(text: str) -> tuple[hg.Net, str, str, float]:
    return model("sub_words").net_, "sub_words", text, 1.0


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [DESKTOP, PHONE])
@pytest.mark.parametrize("name", ["characters", "recurrent"])
def test_it_fits_and_is_readable(
    look: Look, name: str, width: int, scheme: str, language: str
) -> None:
    sight = look(name, width, scheme)
    page: Any = sight.page
    page.get_by_role("button", name=LANGUAGES[language]).click()
    sight.open_all()
    typed(page, "the cat sat on")
    assert page.evaluate("document.scrollingElement.scrollWidth") == width
    for text in page.evaluate(TEXT_RECTANGLES):
        assert 0 <= text["left"] <= text["right"] <= width, text
    assert [e for e in page.evaluate(CUT_OFF) if 'class="unseen"' not in e] == []
    assert min(page.evaluate(FONT_SIZES)) >= 8 * 96 / 72
    assert [c for c in page.evaluate(CONTRASTS) if c["contrast"] < 4.5] == []
    assert violations(page) == []

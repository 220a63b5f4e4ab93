"""The formulas of docs/maths hold: measured, compared with the library, and seen to fail."""

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.docs.documents import ROOT
from tests.docs.formula_cases import CASES, HARMLESS, Case
from tests.docs.formulas import (
    PAGES,
    Formulas,
    assert_close,
    broken,
    formulas_of,
    gradient_names,
    measured,
    plain,
    run,
    source_lines,
    targets,
)

ALL = [block for page in PAGES for block in formulas_of(page)]
BLOCKS = {block.title: block for block in ALL}
# What is computed, and the derivative of it: of a layer and a loss, of a penalty, of a recurrence.
HALVES = {
    "backward": ("forward", "backward"),
    "gradient": ("value", "gradient"),
    "step_backward": ("step", "step_backward"),
}
PAIRS = {
    about: (f"{about}.{HALVES[last][0]}", title)
    for title in BLOCKS
    for about, _, last in [title.rpartition(".")]
    if last in HALVES
}
BASES = (hg.Layer, hg.Loss, hg.optimizers.Optimizer, hg.penalties.Penalty)
PUBLIC = {
    name: page
    for module in (hg, hg.layers, hg.losses, hg.optimizers, hg.penalties, hg.tables)
    for name in module.__all__
    if callable(page := getattr(module, name))
}
QUOTED = [title for title in BLOCKS if title.split(".")[0] in PUBLIC]
TEXTBOOK = [
    page
    for page in PUBLIC.values()
    if isinstance(page, type) and issubclass(page, BASES) and page not in BASES
]


def subject(title: str) -> str:
    """What a block is about: `Linear` of `Linear.forward`."""
    return title.rpartition(".")[0] or title


def check(block: Formulas) -> None:
    """Both checks of a block, together with the one that continues it or that it continues."""
    about = subject(block.title)
    if about in PAIRS:
        forward, backward = (block if t == block.title else BLOCKS[t] for t in PAIRS[about])
        check_values(forward.lines + backward.lines, CASES[about])
        check_measured(forward, backward, CASES[about])
    else:
        check_values(block.lines, CASES[about])


def check_values(lines: tuple[str, ...], case: Case) -> None:
    """All equalities hold, and what the library computes too is what it computes."""
    given = case.given(np.random.default_rng(2))
    values = run(lines, given)
    assigned = {letter for line in lines for letter in targets(line)}
    for letter, expected in case.library(given).items():
        if letter in assigned:
            assert_close(values[letter], expected, letter)


def check_measured(forward: Formulas, backward: Formulas, case: Case) -> None:
    """Every gradient of the backward block is the one that small steps measure."""
    given = case.given(np.random.default_rng(1))
    values = run(forward.lines, given)
    above = {name: given.get("d" + name, np.ones(())) for name in forward.outputs(given)}
    for name, weights in above.items():
        assert np.shape(weights) == np.shape(values[name])
    gradients = gradient_names(backward, values)
    assert gradients, "no gradient"
    found = run(backward.lines, values)
    for gradient in gradients:
        slopes = measured(forward, given, above, gradient[1:])
        assert_close(found[gradient], slopes, gradient, relative=1e-5)


def noticed(action: Callable[..., None], *arguments: Any) -> bool:
    """Whether a check fails, by a wrong number, a wrong shape, or any other error."""
    try:
        action(*arguments)
    except Exception:
        return True
    return False


def mistakes(block: Formulas) -> list[tuple[str, Formulas]]:
    """The block with each of its mistakes, and the line that is wrong."""
    return [
        (wrong, mistaken)
        for mistaken in broken(block)
        for wrong, right in zip(mistaken.lines, block.lines, strict=True)
        if wrong != right and wrong not in HARMLESS
    ]


@pytest.mark.parametrize("title", BLOCKS)
def test_the_formulas_hold(title: str) -> None:
    check(BLOCKS[title])


@pytest.mark.parametrize("title", BLOCKS)
def test_every_mistake_is_noticed(title: str) -> None:
    tried = mistakes(BLOCKS[title])
    assert tried or title == "zero_one_loss.backward"
    assert [wrong for wrong, mistaken in tried if not noticed(check, mistaken)] == []


@pytest.mark.slow
@pytest.mark.parametrize("about", PAIRS)
def test_small_steps_alone_notice_every_wrong_derivative(about: str) -> None:
    forward, backward = (BLOCKS[title] for title in PAIRS[about])
    assert [
        wrong
        for wrong, mistaken in mistakes(backward)
        if not noticed(check_measured, forward, mistaken, CASES[about])
    ] == []


@pytest.mark.parametrize("about", [about for about in PAIRS if about in PUBLIC])
def test_the_library_alone_notices_every_wrong_derivative(about: str) -> None:
    forward, backward = (BLOCKS[title] for title in PAIRS[about])
    assert [
        wrong
        for wrong, mistaken in mistakes(backward)
        if not noticed(check_values, forward.lines + mistaken.lines, CASES[about])
    ] == []


@pytest.mark.slow
@pytest.mark.parametrize("wrong", HARMLESS)
def test_what_is_said_to_be_harmless_is(wrong: str) -> None:
    found = [b for block in ALL for b in broken(block) if wrong in b.lines]
    assert found
    assert not any(noticed(check, block) for block in found)


def test_every_block_is_checked_under_a_name_of_its_own() -> None:
    assert len(ALL) == len(BLOCKS)
    assert {subject(title) for title in BLOCKS} == set(CASES)


def test_every_formula_is_in_a_block_that_is_read() -> None:
    for page in PAGES:
        assert page.read_text("utf-8").count("```formula") == len(formulas_of(page)), page.name


@pytest.mark.parametrize("title", QUOTED)
def test_what_is_named_after_a_method_is_its_code(title: str) -> None:
    page, method = title.split(".")
    code = source_lines(getattr(PUBLIC[page], method))
    shown = [plain(line) for line in BLOCKS[title].lines]
    assert len(shown) == len(code)
    for line, written in zip(shown, code, strict=True):
        assert written in (line, line.partition(" = ")[2])


@pytest.mark.parametrize("page", TEXTBOOK)
def test_every_page_of_the_textbook_is_derived(page: type) -> None:
    """On a page that links to its source, in blocks named after its methods."""
    source = Path(inspect.getfile(page)).name
    links = [document for document in PAGES if f"/{source})" in document.read_text("utf-8")]
    assert links, f"no page in docs/maths links to {source}"
    if issubclass(page, hg.Net | hg.optimizers.LBFGS):  # layers that have pages; a search
        return
    methods = ["forward", "backward", "step", "step_backward", "rule", "value", "gradient"]
    for method in [method for method in methods if method in vars(page)]:
        title = f"{page.__name__}.{method}"
        assert title in BLOCKS, f"docs/maths: no block ```formula {title}"
        assert BLOCKS[title].page in links, f"{BLOCKS[title].page.name}: no link to {source}"


def test_the_index_lists_every_page() -> None:
    index = ROOT / "docs" / "maths" / "README.md"
    listed = re.findall(r"^\| \[[^]]+\]\(([\w-]+\.md)\)", index.read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(page.name for page in PAGES if page != index)

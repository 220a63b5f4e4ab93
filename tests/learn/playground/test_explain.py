"""The page fills in the texts of explanations as Python does: the same lines and numbers."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.exchange.exporting.portable.node import run_in_node
from handgrad.files.scripts import inlined
from handgrad.learn.explaining.explain import WORDS, Explanation
from handgrad.learn.playground.base64url import packed, unpacked
from handgrad.learn.playground.own_nets import net_for_page
from handgrad.learn.playground.pages import traced_modules
from handgrad.learn.playground.replay import net_of
from handgrad.learn.playground.state import state_of
from tests.learn.playground.engine_cases import DRIVER, Case, engine_script
from tests.learn.playground.in_node import HAS_NODE
from tests.learn.playground.test_engine import cases
from tests.learn.playground.test_own_nets import Maxout, SoftMixture
from tests.learn.playground.test_session import in_session

pytestmark = HAS_NODE

ROWS = 3
NUMBER = re.compile(r"(?<!\w)\(?(−?(?:\d[\d.]*(?:e[-+]\d+)?|nan|inf))\)?")
MAIN = (
    DRIVER
    + """
const main = ({ pages, cases, rows, words }) => cases.map((given) => {
  const model = modelOf(pages, given);
  const [x, y] = rowsOf(given);
  const explained = new Explained(model.steps(x, y, rows, given.rate), 4, words);
  return explained.steps.map((step) => {
    const { name, formula, shape } = step;
    const size = countOf(shape);
    const lines = Array.from({ length: size <= 8 ? size : 4 }, (_, k) => {
      const { name, numbers, result } = explained.explained(step, indexOf(shape, k));
      return `${name} = ${numbers === result ? "" : `${numbers} = `}${result}`;
    });
    return { name, formula, lines };
  });
});
"""
)


def told_of(cases: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Explanations of these trainings, as the page shows them."""
    modules = (f"playground/engine/{name}.js" for name in ("explain", "strided"))
    script = engine_script() + "".join(map(inlined, modules)) + MAIN
    given = {"pages": traced_modules(), "cases": cases, "rows": ROWS, "words": WORDS["en"]}
    found: list[list[dict[str, Any]]] = run_in_node(script, given)
    return found


@cache
def told() -> dict[str, list[dict[str, Any]]]:
    """What the page tells of each training."""
    return dict(zip(cases(), told_of([c.told() for c in cases().values()]), strict=True))


def explained(case: Case) -> Explanation:
    """The explanation of a training's first rows."""
    x, y, loss = case.x[:ROWS], case.y[:ROWS], case.made_loss
    return hg.explain(case.net, x, y, loss=loss, optimizer=case.made, penalty=case.made_penalty)


def check(there: list[dict[str, Any]], e: Explanation) -> None:
    """Assert that the page tells the lines of an explanation, with its numbers."""
    steps = [step for step in e.steps if step.filled is None and step.layer != "clip_norm"]
    assert [(s["name"], s["formula"]) for s in there] == [(s.name, s.formula) for s in steps]
    for mine, theirs in zip(steps, there, strict=True):
        for said, other in zip(mine.shown_lines()[0], theirs["lines"], strict=True):
            line = said.text(e.writer)
            assert NUMBER.sub("#", other) == NUMBER.sub("#", line)
            pairs = zip(NUMBER.findall(line), NUMBER.findall(other), strict=True)
            # the two round in other places: the last digit may be another
            assert all(np.isclose(value(a), value(b), rtol=2e-3, atol=1e-6) for a, b in pairs), line


def value(text: str) -> float:
    return float(text.replace("−", "-"))


def comparable(name: str) -> bool:
    """Without a penalty, which stands otherwise in the page, and without draws of its own."""
    return cases()[name].penalty is None and "Dropout" not in name


@pytest.mark.slow
@pytest.mark.parametrize("name", [*filter(comparable, cases())])
def test_the_page_tells_what_python_tells(name: str) -> None:
    check(told()[name], explained(cases()[name]))


def test_a_net_with_own_layers_is_told_as_in_python() -> None:
    net = hg.Net(hg.Linear(2, 6, rng=0), SoftMixture(6, 5, 4, rng=1), Maxout(5, 3, 4, rng=2))
    case = Case(net, "SoftmaxCrossEntropyLoss")
    own = net_for_page(net, case.made_loss, case.made, case.x)
    (there,) = told_of([case.told() | {"architecture": own}])
    check(there, explained(case))


@pytest.mark.slow
def test_penalties_are_lines_of_their_own() -> None:
    formulas = {step["name"]: step["formula"] for step in told()["L2Penalty"]}
    assert formulas["dW_penalty"] == "dW_0 + t2_penalty"
    assert formulas["total_penalty"] == "t1_penalty + t1_penalty'"
    assert formulas["new_W_0"] == "W_0 - learning_rate * dW_penalty"
    (line,) = (step["lines"][0] for step in told()["L2Penalty"] if step["name"] == "new_W_0")
    e = explained(cases()["L2Penalty"])
    expected = next(e["new 0.W"].lines()).text(e.writer)
    for mine, theirs in zip(NUMBER.findall(expected), NUMBER.findall(line), strict=True):
        assert np.isclose(value(mine), value(theirs), rtol=2e-3, atol=1e-6), expected


def test_draws_are_told_as_draws() -> None:
    (step,) = (s for s in told()["Dropout"] if s["formula"].startswith("rng."))
    assert step["formula"] == "rng.random([n, 8], dtype=float32) >= 0.3"
    assert re.fullmatch(r"kept_\d\[0,0\] = 0\.\d+ >= 0\.3 = [01]", step["lines"][0])


ASKED = """
  session.stepEpoch();
  const frame = await until(({ step }) => step > 0);
  const words = { smaller: "其余 {} 项", larger: "其余 {} 项", others: "其余 {} 项" };
  const ask = (column, unit, from, row = 4) =>
    session.request("explain", { row, of: { column, unit, from }, words });
  const done = {
    parameters: packed(frame.parameters),
    rate: frame.rate,
    rows: await session.request("rows"),
    unit: await ask(1, 2),
    link: await ask(1, 2, 1),
    output: await ask(2, 1),
    input: await ask(0, 1),
    rows_told: [],
  };
  for (const row of [4, 3.6, -1, 1e9, NaN]) {
    done.rows_told.push((await ask(0, 1, undefined, row)).row, (await ask(1, 2, 1, row)).row);
  }
"""


@pytest.mark.parametrize("norm", [None, "BatchNorm"])
def test_a_unit_of_the_net_is_explained_where_it_is_pointed_at(
    tmp_path: Path, norm: str | None
) -> None:
    table = np.random.default_rng(0).normal(0, 2, (40, 2)).astype(np.float32)
    rows = {"names": ["a", "b"], "classes": ["x", "y"], "x": packed(table),
            "y": packed(np.arange(40) % 2)}  # fmt: skip
    layers = [
        {"units": 6, "activation": "Tanh", "normalization": norm, "dropout": 0, "frozen": False}
    ]
    state = {"data": {"rows": rows}, "inputs": ["a", "b"], "layers": layers}
    found = in_session(tmp_path, ASKED, state)
    net = net_of(state_of(state))
    net.parameters[...] = unpacked(found["parameters"])
    n = 2 if norm else 1
    e = hg.explain(net, table[4 : 4 + n], (np.arange(40) % 2)[4 : 4 + n])

    def told(address: str, *index: int) -> str:
        return e[address].line_of(index).name

    last = len(net.layers) - 1
    ways = ("forward", "backward")
    names = {way: [line["name"] for line in found["unit"][way]] for way in ways}
    assert names["forward"][0] == told("0.z", 0, 2)
    assert names["forward"][-1] == told(f"{last - 2}.y", 0, 2)
    # how the loss changes with what the unit gives, then with what goes in; not with the inputs
    assert names["backward"][0] == told(f"{last - 1}.dx", 0, 2)
    assert told("0.db", 2) in names["backward"]
    assert not [name for name in names["backward"] if name.startswith("dx_0")]
    link = [line["name"] for line in found["link"]["backward"]]
    assert link[0] == told("0.dW", 2, 1)
    assert link[-1] == "new_W_0[2,1]"
    output = [line["name"] for line in found["output"]["forward"]]
    assert output[-1] == "loss"
    assert told(f"{last}.p", 0, 1) in output
    assert "[其余 3 项: " in found["output"]["forward"][0]["numbers"]
    (way,) = found["input"]["backward"]
    assert way["name"] == told("0.dx", 0, 1)
    assert way["formula"] == "dx_0 = " + e["0.dx"].formula
    assert {"formula", "name", "numbers", "result"} == way.keys()
    # the nearest row there is, which the answer names
    assert found["rows_told"] == [4, 4, 4, 4, 0, 0, 39, 39, 0, 0]

"""In the kernel of a notebook a bar is an output of its cell, and stays as it ended."""

from typing import Any

import nbformat
import pytest

from tests.waiting import run_notebook

BEGIN = """
import handgrad as hg, numpy as np
x, y = hg.data.make_moons(rng=0)
def net(): return hg.Net(hg.Linear(2, 4, rng=0), hg.Tanh(), hg.Linear(4, 2, rng=1), hg.Softmax())
how = dict(loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1), rng=0)
seen = how | dict(progress=True)
"""
CELLS = {
    "a short fit": "h = hg.fit(net(), (x, y), epochs=3, **seen)",
    "a compiled fit": "h = hg.fit(net(), (x, y), epochs=400, engine='compiled', **seen)",
    "a loop": """
for report in hg.training.progress(hg.train(net(), (x, y), epochs=5, **how), epochs=5):
    if report.epoch == 4:
        break
""",
    "several runs": "hs = hg.fit_many([{'net': net()} for _ in 'ab'], data=(x, y),"
    " epochs=2, **seen)",
    "a perceptron": "m = hg.MLPClassifier(tol=0.01, progress=True, random_state=0).fit(x, y)",
    "tables": "m = hg.TabularClassifier(verbose=True, random_state=0, epochs=4).fit(x, y)",
    "quiet": "h = hg.fit(net(), (x, y), epochs=3, **how)",
}


@pytest.fixture(scope="module")
def outputs() -> dict[str, list[Any]]:
    """What each cell shows when all of them were run, one after another, in one kernel."""
    new_cell: Any = nbformat.v4.new_code_cell
    new_notebook: Any = nbformat.v4.new_notebook
    content = new_notebook(cells=[new_cell(BEGIN), *map(new_cell, CELLS.values())])
    run_notebook(content)
    return dict(zip(CELLS, (cell.outputs for cell in content.cells[1:]), strict=True))


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("a short fit", "epoch 3/3 ━"),
        ("a compiled fit", "epoch 400/400 ━"),
        ("a loop", "epoch 4/5 ━"),
        ("several runs", "run 2/2 ━"),
        ("a perceptron", "epoch "),
        ("tables", "epoch 4/4 ━"),
    ],
)
def test_the_bar_is_an_output_of_the_cell_as_it_ended(
    outputs: dict[str, list[Any]], name: str, end: str
) -> None:
    assert {output.output_type for output in outputs[name]} == {"display_data"}
    last = outputs[name][-1]
    (text,) = last.data.values()
    assert text.startswith(end)
    assert "\n" not in text
    assert ("loss " in text) == (name != "several runs")


def test_a_fit_without_a_bar_shows_nothing(outputs: dict[str, list[Any]]) -> None:
    assert outputs["quiet"] == []

"""The live picture in a real JupyterLab, run through its own menus and buttons."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser.lab import Lab, Notebook, running_lab

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

NET = """
import sys
from pathlib import Path

import numpy as np

import handgrad as hg

x, y = hg.data.make_moons(200, noise=0.2, rng=0)
data, held = (x[:160], y[:160]), (x[160:], y[160:])
net = hg.Net(hg.Linear(2, 8, rng=0), hg.Tanh(), hg.Linear(8, 2, rng=1), hg.Softmax())
how = dict(loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1), batch_size=4, rng=0)
"""
# It trains until the file `enough` is there.
LOOP = """
reports = hg.train(net, data, validation=held, epochs=10**6, engine="eager", **how)
history = hg.History()
for report in hg.live_plot(reports, net, data, validation=held):
    history.reports.append(report)
    if Path("enough").exists():
        break
"""
FIT = """
history = hg.fit(net, data, validation=held, epochs=%s, live_plot=True, **how)
"""
# What the last picture should be: of all reports, with the net as it is now.
AS_FILES = """
for _ in hg.live_plot(iter(history), net, data, validation=held, to="%s"):
    pass
needed = {"ipywidgets", "ipympl", "matplotlib.backends.backend_nbagg"} & {*sys.modules}
print("epochs:", len(history), "needed:", needed)
"""
STILL_THERE = """
print("finite:", np.isfinite(net.parameters).all(), "rows:", len(net.predict(x)))
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


def assert_one_picture_in_place(notebook: Notebook, cell: int, at_least: int) -> None:
    """Never more than one output, and it showed so many different pictures, none of them again."""
    shown = notebook.shown(cell)
    assert max(now["outputs"] for now in shown) == 1
    pictures = [now["pictures"][0] for now in shown if now["pictures"]]
    changes = [a for a, b in zip(pictures, [*pictures[1:], ""], strict=True) if a != b]
    assert len(changes) == len(set(changes)) >= at_least


def assert_the_last_epoch_stands(lab: Lab, notebook: Notebook, cell: int, frames: str) -> None:
    """The picture is the one that is drawn of the whole history and the net at the end."""
    text = notebook.wait_for_text(cell + 1, "epochs:")
    assert text.endswith("needed: set()")
    epochs = int(text.split()[1])
    last = max((lab.folder / frames).iterdir())
    assert last.name == f"epoch-{epochs:05}.png"
    assert notebook.picture(cell) == last.read_bytes()


def test_the_picture_of_a_training_is_replaced_in_place(lab: Lab, browser: "Browser") -> None:
    with lab.notebook(browser, "loop.ipynb", [NET, LOOP, AS_FILES % "loop"]) as notebook:
        notebook.run_all()
        notebook.wait_for_pictures(1, 3)
        (lab.folder / "enough").touch()
        assert_the_last_epoch_stands(lab, notebook, 1, "loop")
        assert_one_picture_in_place(notebook, 1, at_least=3)


def test_fit_leaves_the_picture_of_its_last_epoch(lab: Lab, browser: "Browser") -> None:
    with lab.notebook(browser, "fit.ipynb", [NET, FIT % 500, AS_FILES % "fit"]) as notebook:
        notebook.run_all()
        assert_the_last_epoch_stands(lab, notebook, 1, "fit")
        assert_one_picture_in_place(notebook, 1, at_least=2)


def test_the_stop_button_leaves_a_picture_a_net_and_a_kernel(lab: Lab, browser: "Browser") -> None:
    with lab.notebook(browser, "stop.ipynb", [NET, FIT % "10**6", STILL_THERE]) as notebook:
        notebook.run_all()
        notebook.wait_for_pictures(1, 1)
        notebook.stop()
        notebook.wait_for_text(1, "training was interrupted in epoch")
        assert notebook.picture(1)
        notebook.run(2)
        assert notebook.wait_for_text(2, "finite:") == "finite: True rows: 200"

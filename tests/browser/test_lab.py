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

import handgrad as hg

x, y = hg.data.make_moons(200, noise=0.2, rng=0)
data, held = (x[:160], y[:160]), (x[160:], y[160:])
net = hg.Net(hg.Linear(2, 8, rng=0), hg.Tanh(), hg.Linear(8, 2, rng=1), hg.Softmax())
hg.plot_decision_boundary(net, x, y)  # what is imported to draw does not count in the first picture
how = dict(loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1), batch_size=4, rng=0)
"""
# It trains until the file `enough` is there.
LOOP = """
reports = hg.train(net, data, validation=held, epochs=10**6, engine="eager", **how)
history = hg.training.History()
for report in hg.plots.live_plot(reports, net, data, validation=held):
    history.reports.append(report)
    if Path("enough").exists():
        break
"""
FIT = """
history = hg.fit(net, data, validation=held, epochs=%s, live_plot=True, **how)
"""
# As the course notes do, which redraw after every epoch.
SHORT = """
history = hg.train_and_plot(30, net, data, held, lr=0.02)
"""
# What the last picture should be: of all reports, with the net as it is now.
AS_FILES = """
what = "accuracy" if len(history) == 30 else "loss"
for _ in hg.plots.live_plot(iter(history), net, data, validation=held, what=what, to="%s"):
    pass
needed = {"ipywidgets", "ipympl", "matplotlib.backends.backend_nbagg"} & {*sys.modules}
print("epochs:", len(history), "needed:", needed)
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


def test_every_epoch_of_a_short_training_is_seen(lab: Lab, browser: "Browser") -> None:
    with lab.notebook(browser, "short.ipynb", [NET, SHORT, AS_FILES % "short"]) as notebook:
        notebook.run_all()
        assert_the_last_epoch_stands(lab, notebook, 1, "short")
        assert_one_picture_in_place(notebook, 1, at_least=30)


def test_fit_leaves_the_picture_of_its_last_epoch(lab: Lab, browser: "Browser") -> None:
    with lab.notebook(browser, "fit.ipynb", [NET, FIT % 500, AS_FILES % "fit"]) as notebook:
        notebook.run_all()
        assert_the_last_epoch_stands(lab, notebook, 1, "fit")
        assert_one_picture_in_place(notebook, 1, at_least=2)


def test_the_stop_button_leaves_the_last_picture_a_net_and_a_kernel(
    lab: Lab, browser: "Browser"
) -> None:
    cells = [NET, FIT % "10**6", AS_FILES % "stop"]
    with lab.notebook(browser, "stop.ipynb", cells) as notebook:
        notebook.run_all()
        notebook.wait_for_pictures(1, 1)
        notebook.stop()
        notebook.wait_for_text(1, "training was interrupted")
        assert_the_last_epoch_stands(lab, notebook, 1, "stop")


EXPLAINED = """
import handgrad as hg

net = hg.Net(hg.Linear(2, 3, rng=4), hg.Tanh(), hg.Linear(3, 2, rng=5), hg.Softmax())
hg.explain(net, [[0.5, -1.2]], [1])
"""


def test_an_explanation_can_be_pointed_at(lab: Lab, browser: "Browser") -> None:
    with lab.notebook(browser, "explained.ipynb", [EXPLAINED, "print('done')"]) as notebook:
        notebook.run_all()
        notebook.wait_for_text(1, "done")
        frame = notebook.outputs(0).frame_locator("iframe")
        line = frame.locator("li[data-d]", has_text="y_1[0,2] = tanh").first
        line.locator("b").hover()
        assert frame.locator("main .this").count() >= 1
        assert frame.locator("main .from").count() >= 1

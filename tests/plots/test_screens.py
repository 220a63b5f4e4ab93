"""Where live pictures appear: notebook, window, folder, GIF; and which figures pyplot knows."""

import io
import os
import subprocess
import sys
from base64 import b64decode
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import nbformat
import numpy as np
import pytest
from PIL import Image

import handgrad as hg
from handgrad.plots.screens import Folder, Gif, Notebook, screen_for
from tests.bad_input.refused import refused
from tests.training.by_hand import X, Y, classifier, train
from tests.waiting import run_notebook

DATA = (X, Y)


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """The outputs of a notebook's cell, as IPython would be asked for them."""
    outputs: list[tuple[str, Any]] = []

    class Handle:
        def update(self, picture: Any) -> None:
            outputs.append(("update", picture))

    def display(picture: Any, display_id: bool) -> Handle:
        assert display_id is True
        outputs.append(("display", picture))
        return Handle()

    ipython, module = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.version_info = (9, 0)  # type: ignore[attr-defined]
    ipython.get_ipython = lambda: SimpleNamespace(kernel=object())  # type: ignore[attr-defined]
    module.display = display  # type: ignore[attr-defined]
    module.Image = SimpleNamespace  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return outputs


def test_in_a_notebook_one_output_is_replaced(cell: list[tuple[str, Any]]) -> None:
    net = classifier()
    for report in hg.plots.live_plot(train(net), net, DATA):
        assert cell[0][0] == "display"
        if report.epoch == 3:
            break
    assert [kind for kind, _ in cell] == ["display"] + ["update"] * (len(cell) - 1)
    assert len(cell) > 1
    for _, picture in cell:
        assert picture.format == "png"
        assert Image.open(io.BytesIO(picture.data)).size == (945, 396)


@pytest.mark.slow
def test_a_notebook_run_without_a_browser_keeps_the_last_picture(tmp_path: Path) -> None:
    code = f"""
import handgrad as hg
x, y = hg.data.make_moons(rng=0)
net = hg.Net(hg.Linear(2, 2, rng=0), hg.Softmax())
how = dict(loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1), epochs=20, rng=0)
history = hg.fit(net, (x, y), live_plot=True, **how)
for _ in hg.plots.live_plot(iter(history), net, (x, y), to={str(tmp_path / "frames")!r}):
    pass
"""
    content: Any = nbformat.v4.new_notebook(  # type: ignore[no-untyped-call]
        cells=[nbformat.v4.new_code_cell(code)]  # type: ignore[no-untyped-call]
    )
    run_notebook(content)
    (output,) = content.cells[0].outputs
    assert output.output_type == "display_data"
    shown = b64decode(output.data["image/png"])
    assert shown == (tmp_path / "frames" / "epoch-00020.png").read_bytes()


def test_a_folder_gets_a_picture_for_each_epoch_shown(tmp_path: Path) -> None:
    screen = screen_for(tmp_path / "deep" / "frames")
    assert isinstance(screen, Folder)
    for epoch in (1, 12):
        screen.show(epoch)
    screen.close()
    files = sorted((tmp_path / "deep" / "frames").iterdir())
    assert [file.name for file in files] == ["epoch-00001.png", "epoch-00012.png"]
    assert Image.open(io.BytesIO(files[0].read_bytes())).size == (945, 396)


def test_a_folder_that_is_there_may_have_any_name(tmp_path: Path) -> None:
    (tmp_path / "runs.1").mkdir()
    assert isinstance(screen_for(tmp_path / "runs.1"), Folder)
    assert isinstance(screen_for(tmp_path / "A.GIF"), Gif)
    for to in (tmp_path / "runs.2", "", 3):
        with refused(hg.errors.SettingError, "to = "):
            screen_for(to)  # type: ignore[arg-type]


def test_a_gif_moves_and_keeps_rare_colours(tmp_path: Path) -> None:
    screen = screen_for(str(tmp_path / "a.gif"))
    assert isinstance(screen, Gif)
    axes = screen.figure.subplots()
    for epoch in (1, 2, 3):
        axes.clear()
        axes.imshow(np.random.default_rng(epoch).random((60, 60, 3)) / 4)
        axes.plot([10 * epoch], [30], "s", color="#F0E442", markersize=12)
        screen.show(epoch)
    screen.close()
    with Image.open(tmp_path / "a.gif") as gif:
        assert (gif.n_frames, gif.info["loop"]) == (3, 0)  # type: ignore[attr-defined]
        times = []
        for i, (_, frame) in enumerate(screen.frames):
            gif.seek(i)
            times.append(gif.info["duration"])
            shown = np.asarray(gif.convert("RGB"), int)
            true = np.asarray(Image.open(io.BytesIO(frame)).convert("RGB"), int)
            yellow = (true == (0xF0, 0xE4, 0x42)).all(axis=-1)
            assert yellow.sum() > 50
            assert np.abs(shown[yellow] - true[yellow]).max() < 30
    assert times[0] == times[1] < times[2]


def test_a_gif_shows_the_epochs_in_their_order(tmp_path: Path) -> None:
    screen = screen_for(tmp_path / "a.gif")
    for epoch in (1, 3, 2):
        screen.figure.set_facecolor((0, epoch / 4, 0))
        screen.show(epoch)
    screen.close()
    with Image.open(tmp_path / "a.gif") as gif:
        greens = []
        for i in range(3):
            gif.seek(i)
            greens.append(np.asarray(gif.convert("RGB"))[5, 5, 1])
    assert greens == sorted(greens)


def test_a_gif_that_cannot_be_written_is_found_at_the_first_epoch(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here")
    net = classifier()
    seen = []
    with refused(hg.errors.FileError, "could not be written"):
        for report in hg.plots.live_plot(train(net), net, DATA, to=tmp_path / "file" / "a.gif"):
            seen.append(report.epoch)
    assert seen == []


def python(code: str) -> str:
    """What a process of its own prints, where Matplotlib has no windows."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "MPLBACKEND": "agg"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def test_without_notebook_and_windows_a_place_is_asked_for() -> None:
    code = """
import handgrad as hg
net = hg.Net(hg.Linear(2, 2), hg.Softmax())
data = hg.data.make_moons(rng=0)
try:
    hg.fit(net, data, loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1), epochs=2, live_plot=True)
except hg.errors.SettingError as error:
    print(error)
"""
    message = python(code)
    assert "no notebook and no window" in message
    assert "to='training.gif'" in message


def test_a_stream_that_was_left_is_ended_before_python_ends(tmp_path: Path) -> None:
    place = tmp_path / "a.gif"
    code = f"""
import handgrad as hg
net = hg.Net(hg.Linear(2, 2), hg.Softmax())
data = hg.data.make_moons(rng=0)
reports = hg.train(net, data, loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1), epochs=9)
reports = hg.plots.live_plot(reports, net, data, to={str(place)!r})
for report in reports:
    if report.epoch == 3:
        break
"""
    assert python(code) == ""
    with Image.open(place) as gif:
        assert gif.n_frames == 3  # type: ignore[attr-defined]


def test_figures_are_pyplots_where_pyplot_is_in_use() -> None:
    code = """
import handgrad as hg
hg.plot_cross_entropy()
import matplotlib.pyplot as plt
print(plt.get_fignums())
axes = hg.plot_cross_entropy()
print(plt.get_fignums(), axes.figure is plt.figure(1))
"""
    assert python(code) == "[]\n[1] True"


def test_a_window_is_opened_once_and_left_alone_when_closed() -> None:
    code = """
import handgrad as hg
import matplotlib.pyplot as plt
import handgrad.plots.screens as screens
shown, drawn, waited = [], [], []
plt.show = lambda block: shown.append(block)
screens.windows_open = lambda: True
screen = screens.screen_for(None)
screen.figure.canvas.draw = lambda: drawn.append(1)
screen.show(1)
screen.show(2)
screen.figure.canvas.start_event_loop = waited.append
screen.wait(0.2)
screen.wait(0.0)
plt.close(screen.figure)
screen.show(3)
screen.wait(0.1)
screen.close()
print(type(screen).__name__, shown, len(drawn), waited)
"""
    assert python(code) == "Window [False] 2 [0.2]"


@pytest.mark.parametrize(
    ("backend", "windows"), [("agg", False), ("svg", False), ("nbagg", False), ("qtagg", True)]
)
def test_which_backends_open_windows(
    backend: str, windows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import matplotlib

    from handgrad.plots.screens import windows_open

    monkeypatch.setattr(matplotlib, "get_backend", lambda: backend)
    assert windows_open() is windows


def test_a_notebook_comes_before_a_window(cell: list[tuple[str, Any]]) -> None:
    assert isinstance(screen_for(None), Notebook)
    assert cell == []

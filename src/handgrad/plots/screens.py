"""Screens of live plots: a notebook, a window, a folder of files, or a GIF."""

import io
import time
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import IO, Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.registry import backend_registry
from matplotlib.figure import Figure
from PIL import Image

from handgrad.files.paths import kind_of, write_whole
from handgrad.textbook.display import in_a_notebook
from handgrad.textbook.errors import SettingError

SIZE, DPI = (10.5, 4.4), 90
MILLISECONDS_A_FRAME, MILLISECONDS_AT_THE_END = 200, 2000
NO_WINDOWS = {None, "nbagg", "webagg"}


class Screen:
    """Base of screens, which show a figure repeatedly."""

    # True if somebody is watching: then short trainings are replayed at a constant rate.
    replays = False

    def __init__(self) -> None:
        self.figure: Figure = Figure(figsize=SIZE, dpi=DPI)

    def show(self, epoch: int) -> None:
        """Show the current figure."""

    def wait(self, seconds: float) -> None:
        """Wait, if somebody is watching."""

    def close(self) -> None:
        """End the display."""

    def png(self) -> bytes:
        """PNG of the current figure; `savefig` would draw everything twice."""
        file, canvas = io.BytesIO(), FigureCanvasAgg(self.figure)
        canvas.print_png(file)  # type: ignore[no-untyped-call]
        return file.getvalue()


# Creates the screens of live plots without `to`.
STAND_IN: ContextVar[Callable[[], Screen] | None] = ContextVar("stand-in", default=None)


def screen_for(to: str | Path | None) -> Screen:
    """Screen for `to`: a folder, a GIF, or None for the notebook or a window."""
    if to is None:
        if (make := STAND_IN.get()) is not None:
            return make()
        if in_a_notebook():
            return Notebook()
        if windows_open():
            return Window()
        raise SettingError(
            "no notebook and no window to draw in",
            "a notebook, a Matplotlib backend with windows, or a path for the images",
            "to='frames', a folder, or to='training.gif'",
        )
    path = Path(to) if isinstance(to, str | Path) and str(to) else None
    if path is not None and (not path.suffix or kind_of(path) == "folder"):
        return Folder(path)
    if path is not None and path.suffix.lower() == ".gif":
        return Gif(path)
    raise SettingError(
        f"to = {to!r}",
        "a folder, for a PNG per epoch, or a file that ends in .gif",
        "to='frames', or to='training.gif'",
    )


def windows_open() -> bool:
    """Check whether Matplotlib's backend opens windows."""
    registry: Any = backend_registry
    _, framework = registry.resolve_backend(matplotlib.get_backend())
    return framework not in NO_WINDOWS


class Notebook(Screen):
    """Output of a notebook's cell, replaced by each new image."""

    replays = True

    def __init__(self) -> None:
        super().__init__()
        self.handle: Any = None

    def show(self, epoch: int) -> None:
        from IPython import display

        picture = display.Image(data=self.png(), format="png")
        if self.handle is None:
            self.handle = display.display(picture, display_id=True)
        else:
            self.handle.update(picture)

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)


class Window(Screen):
    """Matplotlib window; after it is closed, nothing is drawn."""

    replays = True

    def __init__(self) -> None:
        import matplotlib.pyplot as plt

        self.plt, self.figure, self.opened = plt, plt.figure(figsize=SIZE), False

    def show(self, epoch: int) -> None:
        if not self.plt.fignum_exists(self.figure.number):
            return
        if not self.opened:
            self.plt.show(block=False)
            self.opened = True
        self.figure.canvas.draw()
        self.figure.canvas.flush_events()

    def wait(self, seconds: float) -> None:
        if seconds > 0 and self.plt.fignum_exists(self.figure.number):
            self.figure.canvas.start_event_loop(seconds)


class Folder(Screen):
    """Folder with a PNG for each epoch shown, `epoch-00001.png`."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def show(self, epoch: int) -> None:
        png = self.png()
        write_whole(self.path / f"epoch-{epoch:05}.png", lambda file: file.write(png), "wb")


class Recording(Screen):
    """Animation in memory, of the epochs in order; `change` edits each figure first."""

    def __init__(self, change: Callable[[Figure], object] = lambda figure: None) -> None:
        super().__init__()
        self.frames: list[tuple[int, bytes]] = []
        self.change = change

    def show(self, epoch: int) -> None:
        self.change(self.figure)
        self.frames.append((epoch, self.png()))

    def write(self, file: IO[bytes]) -> None:
        """Write it as a GIF."""
        in_order = sorted(self.frames, key=lambda frame: frame[0])
        pictures = [Image.open(io.BytesIO(png)).convert("RGB") for _, png in in_order]
        # keep rare colours among the 256 of a GIF: they are classes
        how: Any = {"method": Image.Quantize.MAXCOVERAGE, "dither": Image.Dither.NONE}
        first, *others = [picture.quantize(256, **how) for picture in pictures]
        times = [MILLISECONDS_A_FRAME] * len(others) + [MILLISECONDS_AT_THE_END]
        first.save(file, format="GIF", save_all=True, append_images=others, duration=times, loop=0)


class Gif(Recording):
    """Animated GIF, written at the end, and once at the start to detect a bad path."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def show(self, epoch: int) -> None:
        super().show(epoch)
        if len(self.frames) == 1:
            write_whole(self.path, self.write, "wb")

    def close(self) -> None:
        if len(self.frames) > 1:
            write_whole(self.path, self.write, "wb")

"""`hg.play`: the playground of a net and rows, in a notebook or in the browser."""

from __future__ import annotations

import atexit
import base64
import copy
import html
import io
import json
import secrets
import shutil
import sys
import tempfile
import threading
import webbrowser
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np

from handgrad.files import load
from handgrad.files.web import WEB
from handgrad.learn.playground.document import TITLE, document, write_document
from handgrad.learn.playground.models import program_of
from handgrad.learn.playground.own_nets import (
    net_for_page,
    spec_of,
    state_of_net,
    training_settings,
)
from handgrad.learn.playground.routes import Routes
from handgrad.learn.playground.server import PlaygroundServer
from handgrad.learn.playground.state import state_of
from handgrad.learn.playground.tables import PageTable, table_in
from handgrad.tables.estimators import LanguageModel
from handgrad.textbook.display import at_a_prompt, in_a_notebook
from handgrad.textbook.errors import CannotLowerError, DataError, SettingError, checked_language
from handgrad.textbook.language import chosen_language
from handgrad.textbook.layers import Array
from handgrad.textbook.losses import Loss
from handgrad.textbook.losses.default_loss import default_loss
from handgrad.textbook.net import Net
from handgrad.textbook.optimizers import SGD, Optimizer

MODEL_SUFFIX = ".safetensors"


def play(
    net: Net | None = None,
    x: object = None,
    y: object = None,
    *,
    loss: Loss | None = None,
    optimizer: Optimizer | None = None,
    language: str | None = None,
) -> Playground:
    """Open the playground: a page that trains a net, in which every number can be seen and changed.

    In a notebook the page is the output of the cell and trains there without the kernel, also in
    the saved notebook and its HTML. At a prompt it opens in the browser; in a script it opens at
    the end and stays open until Ctrl-C, unless the script saved it. Nothing leaves the machine.

    Parameters
    ----------
    net : Net, optional
        Trained in the page, from its current weights; it is not changed. By default a net that
        can be edited in the page.
    x : array, shape (n, n_in), optional
        Rows; by default the circle, for nets of two inputs. Of more than 10 000, a sample is drawn.
    y : array, shape (n,), optional
        Targets: classes or numbers.
    loss : Loss, optional
        By default the one for the last layer and the targets.
    optimizer : Optimizer, default SGD(0.03)
        Optimizer of the page.
    language : {"en", "zh"}, optional
        By default that of `hg.defaults` or `HANDGRAD_LANGUAGE`, else the browser's.

    Returns
    -------
    Playground
        `page.save("net.html")` writes one file, `page.net` is the net with the page's weights.

    Examples
    --------
    >>> import handgrad as hg
    >>> x, y = hg.data.make_moons(100, rng=0)
    >>> net = hg.Net(hg.Linear(2, 4, rng=0), hg.Tanh(), hg.Linear(4, 2, rng=1), hg.Softmax())
    >>> page = hg.play(net, x, y)                                               # doctest: +SKIP
    """
    language = _language(language)
    if net is not None and not isinstance(net, Net):
        raise SettingError(
            f"{type(net).__name__} as the net of a playground",
            "a net",
            "hg.play(model.net_, x, y), with rows as that net takes them",
        )
    page = Playground(net, _table(x, y, net), loss=loss, optimizer=optimizer, language=language)
    if not in_a_notebook():
        if at_a_prompt():
            page.open()
        atexit.register(page._stay)
    return page


def playground_of(
    data: str | None, *, target: str | None = None, language: str | None = None
) -> Playground:
    """The playground of a table file, a bundled data set, or the net of a model file.

    Parameters
    ----------
    data : str or None
        CSV or Parquet file, name of a bundled data set, or `.safetensors` model file.
    target : str, optional
        Target column; by default the last.
    language : {"en", "zh"}, optional
        By default that of `hg.defaults` or `HANDGRAD_LANGUAGE`, else the browser's.
    """
    language = _language(language)
    if data is None or not data.endswith(MODEL_SUFFIX):
        table = None if data is None else table_in(data, target)
        return Playground(None, table, language=language)
    model = load(data)
    net = model if isinstance(model, Net) else getattr(model, "net_", None)
    if not isinstance(net, Net) or isinstance(model, LanguageModel):
        raise SettingError(
            f"{data} holds {type(model).__name__}, whose net needs encoded data",
            "a net, or an MLPClassifier or MLPRegressor",
            "handgrad play TABLE.csv, for a net that learns from the same table",
        )
    return Playground(net, language=language)


def _language(asked: str | None) -> str | None:
    """The language of the page; None is the browser's."""
    return chosen_language() if asked is None else checked_language(asked)


class Playground:
    """The page of a net and its rows: shown in a notebook, opened in a browser, or saved.

    Parameters
    ----------
    net : Net, optional
        Copied; by default a net that can be edited in the page.
    table : PageTable, optional
        Rows of the page.
    loss : Loss, optional
        By default the one for the last layer and the targets.
    optimizer : Optimizer, default SGD(0.03)
        Optimizer of the page.
    language : {"en", "zh"}, optional
        By default that of `hg.defaults` or `HANDGRAD_LANGUAGE`, else the browser's.
    """

    def __init__(
        self,
        net: Net | None = None,
        table: PageTable | None = None,
        *,
        loss: Loss | None = None,
        optimizer: Optimizer | None = None,
        language: str | None = None,
    ) -> None:
        self._net, self._table = copy.deepcopy(net), table
        self._given = {"language": language, **_begin(self._net, table, loss, optimizer)}
        self._server: PlaygroundServer | None = None
        self._back: WeightsListener | None = None
        self._ended = threading.Event()
        self._seen = False  # true once it was opened or saved

    def __repr__(self) -> str:
        rows = "" if self._table is None else f", {len(self._table.y)} rows"
        net = "" if self._net is None else f" of {self._net!r}"
        return f"<Playground{net}{rows}: a page, open by .open(), written by .save(path)>"

    @property
    def net(self) -> Net:
        """The net with the latest weights received from the page.

        A page opened by `open` sends them, and one in a notebook with anywidget (the extra `learn`)
        installed; otherwise they are the initial ones.
        """
        if self._net is None:
            raise SettingError(
                "the net of a page that was opened without one",
                "a net: hg.play(net, x, y)",
                "hg.learn.replay(link), with the link that the page shares",
            )
        if self._back is not None and self._back.weights:
            self._net.parameters[...] = np.frombuffer(self._back.weights, "<f4")
        return self._net

    def save(self, path: str | Path) -> Path:
        """Write the page as one HTML file that needs neither Python nor a network.

        Parameters
        ----------
        path : path
            File to write.
        """
        write_document(path, {**self._given, "programs": self._programs()})
        self._seen = True
        return Path(path)

    def open(self, *, port: int = 0, browser: bool = True) -> str:
        """Start a local server for the page and open it; returns the address.

        The browser gets a file that redirects to it, since command lines are visible to all users.

        Parameters
        ----------
        port : int, default 0
            Port of the server; 0 is a free one.
        browser : bool, default True
            Open the page in the browser.
        """
        self._seen = True
        if self._server is None:
            whole = None if self._table is None else self._table.whole
            routes = Routes(self._given, self._net, whole)
            self._server = PlaygroundServer(routes.all(), port)
            threading.Thread(target=self._server.serve_forever, daemon=True).start()
        if browser:
            webbrowser.open(address_file(self._server).as_uri())
        return self._server.url

    def close(self) -> None:
        """Stop the server; an open page continues by itself."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
            self._ended.set()

    def wait(self) -> None:
        """Wait until Ctrl-C or the end of the server, and stop it."""
        with suppress(KeyboardInterrupt):
            while self._server is not None:
                self._ended.wait(1)
        self.close()

    def _stay(self) -> None:
        """At the end of a script: open the page unless it was opened or saved, and wait."""
        if not self._seen:
            self.open()
        if self._server is not None:
            print(f"the playground is open at {self._server.url}", file=sys.stderr)
            print("Ctrl-C ends it", file=sys.stderr)
            self.wait()

    def _repr_mimebundle_(self, **asked: object) -> dict[str, str]:
        """MIME bundle of a notebook's cell: the page, with an image and a line as fallback."""
        shown = {"text/plain": repr(self), "text/html": self._repr_html_()}
        picture = _picture(self._net, self._table)
        return shown | ({"image/png": picture} if picture else {})

    def _programs(self) -> list[dict[str, Any]]:
        """The WebAssembly program of the initial net, which the page prefers to its own engine."""
        model = self._given.get("net") or spec_of(state_of(self._given["state"]))
        spec = {name: value for name, value in model.items() if name not in ("weights", "state")}
        try:
            return [{"model": spec, "program": program_of(spec, self._net, spec.get("width"))}]
        except CannotLowerError:
            return []

    def _repr_html_(self) -> str:
        self._back = self._back or weights_listener()
        back = None if self._back is None else self._back.key
        begin = {**self._given, "programs": self._programs(), "back": back}
        page = html.escape(document(begin))
        return (
            f'<iframe title="{TITLE}" sandbox="allow-scripts allow-downloads" srcdoc="{page}" '
            'style="width: 100%; height: 52rem; border: 0"></iframe>'
        )


def _begin(
    net: Net | None, table: PageTable | None, loss: Loss | None, optimizer: Optimizer | None
) -> dict[str, Any]:
    """Initial data of a page for this net and these rows."""
    state = {} if table is None else table.state()
    data: dict[str, Any] = {"table": None if table is None else table.summary()}
    if net is None:
        return {**data, "state": state}
    x, y = _example(net, table)
    net.predict(x)  # refuses rows that do not fit
    loss = loss or default_loss(net.output_kind, net.n_out, y)
    if loss is None:
        raise SettingError(
            "a net whose last layer and targets allow several losses",
            "the loss to train with",
            "loss=hg.MSELoss(), for example",
        )
    optimizer = optimizer or SGD(0.03)
    fields = state_of_net(net, loss, optimizer)
    if fields is not None:
        return {**data, "state": {**state, **fields}}
    own = net_for_page(net, loss, optimizer, x)
    return {**data, "state": {**state, **training_settings(loss, optimizer)}, "net": own}


def _example(net: Net, table: PageTable | None) -> tuple[Array, Array]:
    """A few rows for the net."""
    if table is not None:
        y = table.y if table.classes is None else table.y.astype(int)
        return table.x[:8].astype(net.dtype), y[:8]
    if net.n_in not in (None, 2):
        raise DataError(
            f"a net of {net.n_in} inputs, and no rows", "rows for it", "hg.play(net, x, y)"
        )
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, (8, 2)).astype(net.dtype), np.arange(8) % 2


def _table(x: object, y: object, net: Net | None) -> PageTable | None:
    """Rows as a table of the page; of many, a sample is drawn."""
    if x is None and y is None:
        return None
    if x is None or y is None:
        raise DataError("x without y, or y without x", "both", "hg.play(net, x, y)")
    columns = getattr(x, "columns", None)
    rows, targets = np.asarray(x), np.asarray(y)
    if rows.ndim < 2 or rows.dtype.kind not in "fiub" or not rows.size or targets.ndim < 1:
        raise DataError(
            f"x of shape {rows.shape} and type {rows.dtype}, y of shape {targets.shape}",
            "numbers x (n, n_in), at least one row, and y (n,)",
            "hg.tables.TableEncoder().fit_transform(x), for a table with text",
        )
    rows = rows.reshape(len(rows), -1).astype(np.float32)
    if len(rows) != len(targets) or not np.isfinite(rows).all():
        raise DataError(
            f"x with {len(rows)} rows, y with {len(targets)}, or numbers that are not finite",
            "rows of finite numbers, each with its target",
            "hg.tables.TableEncoder().fit_transform(x), for a table with gaps",
        )
    numbers, classes = _targets(targets, net)
    names = [f"x{i + 1}" for i in range(rows.shape[1])] if columns is None else map(str, columns)
    table = PageTable("x, y", [*names], rows, numbers, classes, of_rows=len(rows))
    return table.for_page()


def _targets(y: Array, net: Net | None) -> tuple[Array, list[str] | None]:
    """Targets as numbers, and class names for integers, booleans and text."""
    y = y.reshape(len(y), -1)[:, 0]
    if y.dtype.kind == "f":
        return y, None
    if net is not None and y.dtype.kind in "iu":  # its outputs have these indices
        return y, [str(i) for i in range(max(int(y.max()) + 1, 2))]
    names, places = np.unique(y, return_inverse=True)
    return places, [str(name) for name in names]


def _picture(net: Net | None, table: PageTable | None) -> str:
    """A PNG of the rows and the decision boundary, if there are two columns."""
    if net is None or table is None or table.x.shape[1] != 2 or table.classes is None:
        return ""
    from handgrad.plots import plot_decision_boundary

    content = io.BytesIO()
    figure = plot_decision_boundary(net, table.x, table.y.astype(int)).get_figure(root=True)
    if figure is not None:
        figure.savefig(content, format="png", dpi=72)
    return base64.b64encode(content.getvalue()).decode()


PAGE = """\
<!doctype html>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="1; url={address}">
<title>{title}</title>
<p><a href="{address}">{title}</a></p>
<script>location.replace({quoted});</script>
"""
FOLDERS = set[Path]()  # not yet removed


def address_file(server: PlaygroundServer) -> Path:
    """Write a file that only its owner can read; removed with the server."""
    folder = Path(tempfile.mkdtemp(prefix="handgrad-", dir=_seen_by_browsers()))  # mode 0700
    FOLDERS.add(folder)
    server.at_end.append(partial(_remove, folder))
    path = folder / "playground.html"
    path.touch(mode=0o600)
    address = html.escape(server.url)
    page = PAGE.format(address=address, title=TITLE, quoted=json.dumps(server.url))
    path.write_text(page, encoding="utf-8", newline="\n")
    return path


def _remove(folder: Path) -> None:
    FOLDERS.discard(folder)
    shutil.rmtree(folder, ignore_errors=True)


@atexit.register  # registered on import: runs after a script's end, at which its page may open
def _remove_all() -> None:
    for folder in [*FOLDERS]:
        _remove(folder)


def _seen_by_browsers() -> Path | None:
    """Folder of the file: the home folder if browsers may be snaps, else that of temporary files.

    A snap has its own temporary folder and sees only files of the home folder that are not hidden.
    """
    home = Path.home()
    return home if (home / "snap").is_dir() else None


class WeightsListener(Protocol):
    """Listener for the page with `key`; its last weights as bytes of float32."""

    key: str
    weights: bytes


def weights_listener() -> WeightsListener | None:
    """A listener in the notebook's window, by anywidget; None if that is not installed.

    It has no output, so that the saved notebook shows the page alone.
    """
    if find_spec("anywidget") is None:
        return None
    import anywidget
    import traitlets

    class Listener(anywidget.AnyWidget):
        _esm = (WEB / "playground/server/listener.mjs").read_text("utf-8")
        key = traitlets.Unicode().tag(sync=True)
        # it arrives as a memoryview
        weights = traitlets.Bytes().tag(sync=True, from_json=lambda found, _: bytes(found))

    return cast("WeightsListener", Listener(key=secrets.token_urlsafe(12)))

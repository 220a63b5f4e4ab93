"""`hg.play`: the playground of a net and rows, in a notebook or in the browser."""

from __future__ import annotations

import atexit
import base64
import copy
import html
import io
import sys
import threading
import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.files import load
from handgrad.learn.playground.address_file import address_file
from handgrad.learn.playground.document import TITLE, document, write_document
from handgrad.learn.playground.own_nets import learning_of_net, net_for_page, spec_of, state_of_net
from handgrad.learn.playground.programs import program_of
from handgrad.learn.playground.routes import Routes
from handgrad.learn.playground.server import PlaygroundServer
from handgrad.learn.playground.state import state_of
from handgrad.learn.playground.tables import PageTable, table_in
from handgrad.learn.playground.weights import WeightsBack, weights_back
from handgrad.tables.estimators import LanguageModel
from handgrad.textbook.display import at_a_prompt, in_a_notebook
from handgrad.textbook.errors import CannotLowerError, DataError, SettingError
from handgrad.textbook.layers import Array
from handgrad.textbook.losses import Loss
from handgrad.textbook.losses.default_loss import default_loss
from handgrad.textbook.net import Net
from handgrad.textbook.optimizers import SGD, Optimizer

LANGUAGES = ("en", "zh")
ENDING_OF_MODELS = ".safetensors"


def play(
    net: Net | None = None,
    x: object = None,
    y: object = None,
    *,
    loss: Loss | None = None,
    optimizer: Optimizer | None = None,
    language: str | None = None,
) -> Playground:
    """A page in which a net trains, and in which every number of it can be seen and changed.

    In a notebook it is the output of the cell, and trains there without the kernel, in the saved
    notebook and in its HTML as well. At a prompt it opens in the browser at once, in a script
    when that comes to its end, where it stays until Ctrl-C; a script that saved the page just
    ends. Nothing leaves the machine.

    Without a net the page begins with one, which may be changed in all that it is made of; a net
    of one's own, layers of one's own included, begins with its weights as they are, its `loss`
    (if none is given, the one that its last layer and targets ask for) and `optimizer` (SGD at a
    rate of 0.03). `x` (n, n_in) and `y` (n,), classes or numbers, are its rows; of more than
    10 000, so many are drawn for the page. Without rows, of one's own net with two inputs as of
    none, it is the circle. `language` is en or zh, else the browser's.

    `page.save("net.html")` writes the page as one file, `page.net` is the net with the weights
    that it has in the page. The net that was given stays as it is.

    >>> import handgrad as hg
    >>> x, y = hg.data.make_moons(100, rng=0)
    >>> net = hg.Net(hg.Linear(2, 4, rng=0), hg.Tanh(), hg.Linear(4, 2, rng=1), hg.Softmax())
    >>> page = hg.play(net, x, y)                                               # doctest: +SKIP
    """
    check_language(language)
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
    """The page of a table in a file, of a bundled set, or of a net in a model file.

    The target of a table is its last column, if no other is named.
    """
    check_language(language)
    if data is None or not data.endswith(ENDING_OF_MODELS):
        table = None if data is None else table_in(data, target)
        return Playground(None, table, language=language)
    model = load(data)
    net = model if isinstance(model, Net) else getattr(model, "net_", None)
    if not isinstance(net, Net) or isinstance(model, LanguageModel):
        raise SettingError(
            f"{data} holds {type(model).__name__}, whose net takes its data in a way of its own",
            "a net, or an MLPClassifier or MLPRegressor",
            "handgrad play TABLE.csv, for a net that learns from the same table",
        )
    return Playground(net, language=language)


def check_language(language: str | None) -> None:
    """Refuse a language that the page does not speak."""
    if language not in (None, *LANGUAGES):
        raise SettingError(f"language={language!r}", "en, zh or None", 'language="zh"')


class Playground:
    """The page of a net and its rows: shown in a notebook, opened in a browser, or saved."""

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
        self._back: WeightsBack | None = None
        self._ended = threading.Event()
        self._seen = False  # whether it was opened or saved

    def __repr__(self) -> str:
        rows = "" if self._table is None else f", {len(self._table.y)} rows"
        net = "" if self._net is None else f" of {self._net!r}"
        return f"<Playground{net}{rows}: a page, open by .open(), written by .save(path)>"

    @property
    def net(self) -> Net:
        """The net with the weights that it has in the page, as far as they have come back.

        They come from a page that `open` opened, or from one in a notebook where anywidget (the
        extra `learn`) is installed; else they are as they were given.
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
        """Write the page as one HTML file, which needs neither Python nor a network."""
        write_document(path, {**self._given, "programs": self._programs()})
        self._seen = True
        return Path(path)

    def open(self, *, port: int = 0, browser: bool = True) -> str:
        """Start a server for the page, on this machine alone, and open it; gives the address.

        The browser gets a file that leads there, since all on this machine see command lines.
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
        """End the server; a page that is open goes on by itself."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
            self._ended.set()

    def wait(self) -> None:
        """Wait until Ctrl-C, as long as the server runs, and end it."""
        with suppress(KeyboardInterrupt):
            while self._server is not None:
                self._ended.wait(1)
        self.close()

    def _stay(self) -> None:
        """At the end of a script: open the page if no one has seen it, stay while it is open."""
        if not self._seen:
            self.open()
        if self._server is not None:
            print(f"the playground is open at {self._server.url}", file=sys.stderr)
            print("Ctrl-C ends it", file=sys.stderr)
            self.wait()

    def _repr_mimebundle_(self, **asked: object) -> dict[str, str]:
        """What a notebook shows: the page; where pages are not shown, a picture and a line."""
        shown = {"text/plain": repr(self), "text/html": self._repr_html_()}
        picture = _picture(self._net, self._table)
        return shown | ({"image/png": picture} if picture else {})

    def _programs(self) -> list[dict[str, Any]]:
        """The program of the net at first, which page takes over from its recorded pages."""
        model = self._given.get("net") or spec_of(state_of(self._given["state"]))
        said = {name: value for name, value in model.items() if name not in ("weights", "state")}
        try:
            return [{"model": said, "program": program_of(said, self._net, said.get("width"))}]
        except CannotLowerError:
            return []

    def _repr_html_(self) -> str:
        self._back = self._back or weights_back()
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
    """What a page is given so that it begins with this net and these rows."""
    state = {} if table is None else table.state()
    found: dict[str, Any] = {"table": None if table is None else table.told()}
    if net is None:
        return {**found, "state": state}
    x, y = _example(net, table)
    net.predict(x)  # refuses rows that do not fit
    loss = loss or default_loss(net.output_kind, net.n_out, y)
    if loss is None:
        raise SettingError(
            "a net whose last layer and targets allow several losses",
            "the loss that it learns by",
            "loss=hg.MSELoss(), for example",
        )
    optimizer = optimizer or SGD(0.03)
    said = state_of_net(net, loss, optimizer)
    if said is not None:
        return {**found, "state": {**state, **said}}
    own = net_for_page(net, loss, optimizer, x)
    return {**found, "state": {**state, **learning_of_net(loss, optimizer)}, "net": own}


def _example(net: Net, table: PageTable | None) -> tuple[Array, Array]:
    """A few rows for the net, as it is given them."""
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
    """Rows as a page takes them: of many, some are drawn."""
    if x is None and y is None:
        return None
    if x is None or y is None:
        raise DataError("x without y, or y without x", "both", "hg.play(net, x, y)")
    columns = getattr(x, "columns", None)
    rows, targets = np.asarray(x), np.asarray(y)
    if rows.ndim < 2 or rows.dtype.kind not in "fiub" or not rows.size or targets.ndim < 1:
        raise DataError(
            f"x of shape {rows.shape} and type {rows.dtype}, y of shape {targets.shape}",
            "numbers x (n, n_in), one row at least, and y (n,)",
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
    """Targets as numbers, and the names of their classes: whole numbers, truth values and text."""
    y = y.reshape(len(y), -1)[:, 0]
    if y.dtype.kind == "f":
        return y, None
    if net is not None and y.dtype.kind in "iu":  # its outputs are those numbers
        return y, [str(i) for i in range(max(int(y.max()) + 1, 2))]
    found, places = np.unique(y, return_inverse=True)
    return places, [str(name) for name in found]


def _picture(net: Net | None, table: PageTable | None) -> str:
    """A PNG of the rows and the net's boundaries, where there are two columns."""
    if net is None or table is None or table.x.shape[1] != 2 or table.classes is None:
        return ""
    from handgrad.plots import plot_decision_boundary

    content = io.BytesIO()
    figure = plot_decision_boundary(net, table.x, table.y.astype(int)).get_figure(root=True)
    if figure is not None:
        figure.savefig(content, format="png", dpi=72)
    return base64.b64encode(content.getvalue()).decode()

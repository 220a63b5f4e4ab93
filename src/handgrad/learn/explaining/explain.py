"""`hg.explain`: a step of a net on some rows, each line of its layers with its numbers."""

from __future__ import annotations

import tomllib
from html import escape
from pathlib import Path

from handgrad.engines.config import check_kinds
from handgrad.files.html import TEMPLATES, require_templates
from handgrad.learn.explaining.explained import Explained
from handgrad.learn.explaining.inputs import subject_of
from handgrad.learn.explaining.notation import latex
from handgrad.learn.explaining.terms import TermWriter
from handgrad.learn.explaining.text import text
from handgrad.learn.explaining.traced_step import join_update, traced_step
from handgrad.textbook.display import shown_whole
from handgrad.textbook.errors import SettingError, checked_language
from handgrad.textbook.install import installed
from handgrad.textbook.losses import Loss
from handgrad.textbook.module import Module
from handgrad.textbook.net import Net
from handgrad.textbook.optimizers import Optimizer
from handgrad.textbook.penalties import Penalty
from handgrad.training.results import Predictor

LONGEST = 200


def explain(
    model: Net | Predictor,
    x: object,
    y: object = None,
    *,
    loss: Loss | None = None,
    optimizer: Optimizer | None = None,
    penalty: Penalty | None = None,
    background: object = None,
    digits: int = 4,
    language: str | None = None,
) -> Explanation:
    """Explain a step of a net: every number with the arithmetic that computed it.

    The model is not changed; layers that draw use copies of their random streams.

    Parameters
    ----------
    model : Net or fitted estimator
        The model to explain.
    x : array or table, shape (n, n_in)
        One row or a batch, as `hg.train` takes it; for an estimator, as its `fit` takes it.
    y : array, optional
        Targets. With them a training step is explained (forward, backward), else a prediction.
    loss : Loss, optional
        Loss of the step; by default the one for the last layer and the targets.
    optimizer : Optimizer, optional
        Its first step is explained too.
    penalty : Penalty, optional
        Added to the loss.
    background : data frame or array-like, optional
        For an estimator: rows of a table to compare with. Then the contributions of the columns of
        the first row come first; see `hg.tables.contributions`.
    digits : int, default 4
        Significant digits, 1 to 17.
    language : {"en", "zh"}, optional
        Language of the texts around the numbers; by default that of texts, see `hg.defaults`.

    Returns
    -------
    Explanation
        Printed, it shows every line; `e["0.dW"]` is one step, `e.of("0.dW[2,0]")` a backtrace.

    Examples
    --------
    >>> import handgrad as hg
    >>> net = hg.Net(hg.Linear(2, 1, rng=0, dtype="float64"))
    >>> net.layers[0].W = [[0.5, -2.0]]
    >>> e = hg.explain(net, [[3.0, 1.0]], [[1.0]], loss=hg.MSELoss(), optimizer=hg.SGD(0.1))
    >>> print(e["0.z"])                                          # doctest: +ELLIPSIS
      z_0 = x @ W_0.T + b_0  ...
          z_0[0,0] = 3·0.5 + 1·(−2) + 0 = −0.5
    >>> print(e["0.dW"])                                         # doctest: +ELLIPSIS
      dW_0 = dp.T @ x  ...
          dW_0[0,0] = (−3)·3 = −9
          dW_0[0,1] = (−3)·1 = −3
    >>> print(e["new 0.W"])                                      # doctest: +ELLIPSIS
      new_W_0 = W_0 - learning_rate * dW_0  ...
          new_W_0[0,0] = 0.5 − 0.1·(−9) = 1.4
          new_W_0[0,1] = −2 − 0.1·(−3) = −1.7
    """
    language = checked_language(language)
    words = WORDS[language]
    if not isinstance(digits, int) or not 1 <= digits <= 17:
        raise SettingError(f"digits = {digits!r}", "a whole number from 1 to 17", "digits=4")
    if penalty is not None:
        check_kinds(penalty=(penalty, Penalty))
    subject = subject_of(model, x, y, loss, background)
    title = shown(subject.net)
    if subject.loss is not None:
        title = words["with"].format(title, shown(subject.loss))
    if penalty is not None:
        title = words["plus"].format(title, shown(penalty))
    traced = traced_step(subject.net, subject.x, subject.y, subject.loss, penalty)
    if optimizer is not None:
        check_kinds(optimizer=(optimizer, Optimizer))
        if optimizer.minimizer is not None:
            raise SettingError(
                f"{optimizer!r}, which takes no step for a batch: it searches for the minimum",
                "an optimizer whose step is a formula, or none",
                "optimizer=hg.Adam(0.001)",
            )
        if subject.loss is None:
            raise SettingError(
                f"{optimizer!r} without y", "the targets of the rows", "hg.explain(net, x, y, …)"
            )
        join_update(traced, subject.net, optimizer)
        title = words["update_by"].format(title, shown(optimizer))
    return Explanation(title, traced, TermWriter(digits, words), language, subject)


def shown(page: Module) -> str:
    """The repr of a module on one line of bounded length."""
    line = " ".join(repr(page).split()).replace("( ", "(").replace(", )", ")")
    return line if len(line) <= LONGEST else f"{line[:LONGEST]} …"


class Explanation(Explained):
    """Result of `hg.explain`; printed, it is each line of the layers with its numbers."""

    def __str__(self) -> str:
        return text(self)

    def html(self) -> str:
        """The explanation as a self-contained HTML page: the net, and every line."""
        require_templates("an explanation as a page")  # the text needs none
        from handgrad.learn.explaining.document import page

        return page(self)

    def _repr_html_(self) -> str:
        """The page in a frame, since notebooks drop scripts outside of frames."""
        if not installed(*TEMPLATES):
            raise NotImplementedError  # then notebooks show the text
        page = escape(self.html(), quote=True)
        return (
            f'<iframe srcdoc="{page}" sandbox="allow-scripts" loading="lazy" '
            f'title="{escape(self.writer.words["frame"])}" '
            'style="width: 100%; height: 40rem; border: 0"></iframe>'
        )

    def latex(self) -> str:
        """The explanation in LaTeX: a heading and an `align*` for each method of each layer."""
        return latex(self)

    def __repr__(self) -> str:
        return f"<Explanation: {self.title}, {len(self.steps)} steps>"

    _repr_pretty_ = shown_whole


WORDS: dict[str, dict[str, str]] = tomllib.loads(
    Path(__file__).with_name("words.toml").read_text("utf-8")
)

"""`explain`: a step of a net on some rows, each line of its pages with the numbers in it."""

from handgrad.engines.config import check_kinds
from handgrad.learn.explaining.explanation import Explanation
from handgrad.learn.explaining.inputs import subject_of
from handgrad.learn.explaining.traced_step import join_update, recorded
from handgrad.learn.explaining.words import words_of
from handgrad.learn.explaining.writing import Writer
from handgrad.textbook.errors import SettingError
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
    digits: int = 4,
    language: str = "en",
) -> Explanation:
    """Explain a step of `model` on the rows `x`: every number as the arithmetic it came from.

    `x` (n, n_in) and `y` are a row or a batch, as `hg.train` takes them; or, beside a fitted
    estimator, as its `fit` takes them. With `y` the step is a training step, forward and
    backward, of the `loss` (without one, of that which the last layer and the targets ask for),
    to which a `penalty` adds its own, and with an `optimizer` its first step; without `y` it is
    the prediction. Numbers are written with so many `digits`, the words around them in the
    `language`, en or zh. The model is left as it is; layers that draw do so from copies of their
    random streams.

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
    words = words_of(language)
    if not isinstance(digits, int) or not 1 <= digits <= 17:
        raise SettingError(f"digits = {digits!r}", "a whole number from 1 to 17", "digits=4")
    if penalty is not None:
        check_kinds(penalty=(penalty, Penalty))
    subject = subject_of(model, x, y, loss)
    title = shown(subject.net)
    if subject.loss is not None:
        title = words["with"].format(title, shown(subject.loss))
    if penalty is not None:
        title = words["plus"].format(title, shown(penalty))
    found = recorded(subject.net, subject.x, subject.y, subject.loss, penalty)
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
        join_update(found, subject.net, optimizer)
        title = words["update_by"].format(title, shown(optimizer))
    return Explanation(title, found, Writer(digits, words), language, subject)


def shown(page: Module) -> str:
    """How a page was made, in one line of bounded length."""
    line = " ".join(repr(page).split()).replace("( ", "(").replace(", )", ")")
    return line if len(line) <= LONGEST else f"{line[:LONGEST]} …"

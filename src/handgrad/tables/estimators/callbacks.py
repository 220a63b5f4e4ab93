"""scikit-learn's callbacks on the perceptrons: a fit is a task, and so is each epoch."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self, TypeVar

import sklearn

from handgrad.tables.estimators.base import Base

try:
    from sklearn import callback
except ImportError:
    callback = None


class WithoutCallbacks:
    """Refusal of callbacks, where scikit-learn has none."""

    @property
    def set_callbacks(self) -> Any:
        """Not there, as `hasattr` says, too."""
        raise AttributeError(
            f"set_callbacks with scikit-learn {sklearn.__version__}, which has no callbacks. "
            "Expected scikit-learn 1.9 or later. Try fit_by_epoch."
        )


CallbackSupport: Any = callback.CallbackSupportMixin if callback else WithoutCallbacks
Report = TypeVar("Report")
OF_THE_FIT = ("net_", "coefs_", "intercepts_", "_views", "_state")


class FitTasks:
    """Tasks of a fit whose hooks are called: the fit, and in it each epoch or iteration.

    Hooks get the rows that `fit` got. `in_units_of_y` changes the net of a copy of the estimator
    from scaled targets to those of `fit`; `stopped` is true once a hook has ended the fit.
    """

    def __init__(self, m: Base, X: object, y: object, sample_weight: object) -> None:
        self.m, self.stopped = m, False
        self.in_units_of_y: Callable[[Base], None] = lambda twin: None
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self.rows = {"estimator": m, "X": X, "y": y, "metadata": metadata}
        self.context = m._init_callback_context(max_subtasks=m.max_iter)
        self.context.call_on_fit_task_begin(**self.rows)

    @classmethod
    @contextmanager
    def of(cls, m: Base, X: object, y: object, sample_weight: object) -> Iterator[Self | None]:
        """Context of a fit of the estimator `m`: its tasks; None without callbacks."""
        if not hasattr(m, "_skl_callbacks"):
            yield None
            return
        m._validate_params()  # max_iter is the number of tasks
        try:
            tasks = cls(m, X, y, sample_weight)
            yield tasks
            tasks.context.call_on_fit_task_end(**tasks.rows, reconstruction_attributes={})
        finally:  # not around `fit`: warnings have a fixed distance to its caller
            callback.with_callbacks(lambda m: None)(m)

    def passed_on(
        self, name: str, reports: Iterator[Report], ended: Callable[[], bool]
    ) -> Iterator[Report]:
        """Pass the reports of a fit on, each from a task of this name, until a hook stops the fit.

        No task begins once the fit has `ended`. One that gives no report ends without a model.
        """
        left = self.m.max_iter
        while left > 0 and not ended():
            left -= 1
            task = self.context.subcontext(task_name=name)
            task.call_on_fit_task_begin(**self.rows, reconstruction_attributes=self._fitted)
            if (report := next(reports, None)) is None:
                task.call_on_fit_task_end(**self.rows)
                return
            yield report
            self.stopped = task.call_on_fit_task_end(
                **self.rows, reconstruction_attributes=self._fitted
            )
            if self.stopped:
                return
        yield from reports  # none, but adapters end with them

    def _fitted(self) -> dict[str, Any]:
        """Attributes of an estimator with a copy of the net as it is now."""
        twin = copy.copy(self.m)
        twin.net_, twin._state = copy.deepcopy(self.m.net_), copy.deepcopy(self.m._state)
        self.in_units_of_y(twin)
        twin._show_weights()
        return {name: vars(twin)[name] for name in OF_THE_FIT}

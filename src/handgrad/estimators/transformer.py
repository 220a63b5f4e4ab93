"""The activations of a hidden layer as a transformation, and a plot of the training."""

from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from handgrad import plots
from handgrad.base.errors import SettingError
from handgrad.estimators.base import Base
from handgrad.estimators.scoring import LOSS
from handgrad.layers import Array
from handgrad.training import EpochReport, History

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class HiddenLayerTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Base):  # type: ignore[misc]
    """The activations of a hidden layer as a transformation, and a plot of the training."""

    def transform(self, X: object) -> Array:
        """The activations of a hidden layer for the rows of `X`, (n, n_units).

        `transform_layer` says which, the last one by default. `get_feature_names_out` gives the
        columns names: mlpclassifier0, mlpclassifier1 …
        """
        check_is_fitted(self)
        hidden, _ = self._transforming()
        return self._outputs(X, hidden)

    def plot(self, what: str = LOSS, ax: "Axes | None" = None) -> "Axes":
        """Draw the loss of the training, epoch by epoch, or the score by its name or "score".

        With rows that were not learnt from, their curve too; after early stopping, with the best
        epoch. Without `ax` a new figure is made, `axes.figure`.
        """
        check_is_fitted(self)
        history, name, best = self._history()
        return plots.plot_training_progress(
            history, name if what == "score" and name else what, ax, best
        )

    @property
    def _n_features_out(self) -> int:
        return self._transforming()[1]

    def _transforming(self) -> tuple[int, int]:
        """Which hidden layer transforms, counted from 0, and how many units it has."""
        sizes = [coef.shape[1] for coef in self.coefs_[:-1]]
        given = self.transform_layer
        if not -len(sizes) <= given < len(sizes):
            raise SettingError(
                f"transform_layer={given} of {len(sizes)} hidden layers",
                f"a number from {-len(sizes)} to {len(sizes) - 1}" if sizes else "a hidden layer",
                "transform_layer=-1, the last one" if sizes else "hidden_layer_sizes=(100,)",
            )
        return given % len(sizes), sizes[given]

    def training_history(self) -> tuple[History | None, int | None]:
        """The epochs of the fit, None where none are kept, and the one whose weights it kept."""
        if not hasattr(self, "loss_curve_"):
            return None, None
        history, _, best = self._history()
        return history, best

    def _history(self) -> tuple[History, str, int | None]:
        """The training as a table, what its score is called, and its best epoch."""
        if not hasattr(self, "loss_curve_"):
            raise SettingError(
                "a fit by lbfgs, which keeps no curve", "a solver with epochs", "solver='adam'"
            )
        reports = [EpochReport(i, loss) for i, loss in enumerate(self.loss_curve_, 1)]
        if not self.validation_scores_ or not self.validation_loss_curve_:
            return History(reports), "", None
        name = self._scored_by
        looked = zip(
            self._validated_at, self.validation_loss_curve_, self.validation_scores_, strict=True
        )
        seen = {epoch: figures for epoch, *figures in looked}
        for i, report in enumerate(reports, 1):
            loss, score = seen.get(i, (np.nan, np.nan))
            scores = {} if name == LOSS else {name: score}
            reports[i - 1] = EpochReport(i, report.train_loss, {}, loss, scores)
        if not self.early_stopping or self.best_validation_score_ is None:
            return History(reports), name, None
        best = self.validation_scores_.index(self.best_validation_score_)
        return History(reports), name, self._validated_at[best]

"""L-BFGS: a quasi-Newton method with limited memory."""

from handgrad.textbook.errors import SettingError, not_negative, positive
from handgrad.textbook.optimizers.minimizer import Minimizer
from handgrad.textbook.optimizers.optimizer import Optimizer, Trainable


class LBFGS(Optimizer):
    """L-BFGS: minimizes the loss over all rows at once; fastest for few weights and few rows.

    step        w ← w − t · H dw, where H approximates the inverse Hessian from the last
                `history_size` steps and a line search chooses t
    source      Liu, Nocedal, "On the Limited Memory BFGS Method for Large Scale Optimization",
                1989; Zhu, Byrd, Lu, Nocedal, "Algorithm 778: L-BFGS-B", 1997

    An epoch is one iteration over all rows; the batch size is not used. Training ends when no entry
    of the gradient is larger than `tolerance_grad`, when the relative change of the loss is below
    `tolerance_change`, or after `max_eval` evaluations of the loss.
    """

    def __init__(
        self,
        *,
        history_size: int = 100,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        max_eval: int | None = None,
    ) -> None:
        super().__init__(1.0)
        positive("history_size", history_size, whole=True)
        not_negative("tolerance_grad", tolerance_grad)
        not_negative("tolerance_change", tolerance_change)
        if max_eval is not None:
            positive("max_eval", max_eval, whole=True)
        self.history_size, self.max_eval = history_size, max_eval
        self.tolerance_grad, self.tolerance_change = tolerance_grad, tolerance_change

    @property
    def minimizer(self) -> Minimizer:
        """The minimizer, with these settings."""
        return Minimizer(
            self.history_size, self.tolerance_grad, self.tolerance_change, self.max_eval
        )

    def step(self, net: Trainable | None = None) -> None:
        """Raise SettingError: an iteration evaluates the loss of `net` several times."""
        raise SettingError(
            f"step of {self!r}, which evaluates the loss of all rows several times",
            "an optimizer that needs only the gradients",
            f"hg.train(net, (x, y), loss=…, optimizer=hg.optimizers.{self!r}, epochs=…), "
            "or hg.Adam(0.001)",
        )

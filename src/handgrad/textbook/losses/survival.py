"""Loss for times to an event, some of which are censored: discrete hazards."""

import numpy as np

from handgrad.textbook.kinds import Logits, RiskLabels
from handgrad.textbook.losses.loss import Loss
from handgrad.textbook.losses.weighting import mean_weights, weighted_mean
from handgrad.textbook.module import Array


class LogisticHazardLoss(Loss):
    """Logistic hazard loss: binary cross-entropy in each interval of time that a row was at risk.

    forward     l = k mean(r (max(z, 0) − y z + log(1 + e^−|z|))), where r is 1 at risk, else 0
    backward    dz = k r (h − y) s, where h = 1 / (1 + e⁻ᶻ) and s is each number's weight: 1 / size
    shapes      z, dz (n, …, k)    y as many numbers: 1 for an event in that interval, 0 for a row
                that survived it, −1 for one that was no longer at risk, or not to be seen
    weights     w = sample_weight, (n,) or (n, …), of rows or positions
    source      Gensheimer, Narasimhan, "A scalable discrete-time survival model for neural
                networks", 2019; Kvamme, Borgan, "Continuous and discrete-time survival prediction
                with neural networks", 2021

    The hazard h of an interval is the probability of an event in it, given that there was none
    before. The sum over the k intervals is minus the log-likelihood of a row: of its event,
    log h + Σ log(1 − h) over the intervals before; of one that was censored, Σ log(1 − h) alone.

    >>> loss = LogisticHazardLoss()
    >>> z = np.log(np.array([[1.0, 3.0], [1.0, 3.0]]))             # h = ½, ¾
    >>> y = np.array([[0, 1], [0, -1]])                            # event; censored after the first
    >>> float(loss.forward(z, y).round(6))                         # −(log ½ ¾ + log ½)/2
    0.836988
    >>> loss.backward().round(12)                                  # ½/2, (¾ − 1)/2; ½/2, 0
    array([[ 0.25 , -0.125],
           [ 0.25 ,  0.   ]])
    """

    input_kind = Logits()
    target_kind = RiskLabels()

    def forward(self, z: Array, y: Array, sample_weight: Array | None = None) -> float:
        self.w = sample_weight
        self.y = y.reshape(z.shape).astype(z.dtype)
        self.r = z.shape[-1] * (self.y >= 0).astype(z.dtype)
        e = np.exp(-np.abs(z))
        self.h = np.where(z >= 0, 1 / (1 + e), e / (1 + e))
        return weighted_mean(self.r * (np.maximum(z, 0) - self.y * z + np.log(1 + e)), self.w)

    def backward(self, loss: object = None) -> Array:
        return self.r * (self.h - self.y) * mean_weights(self.w, self.h)

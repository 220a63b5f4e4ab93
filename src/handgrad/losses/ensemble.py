"""The loss of several classifiers side by side, each by its own."""

from dataclasses import dataclass

import numpy as np

from handgrad.errors import positive
from handgrad.kinds import ClassLogits, Distributions
from handgrad.layers.layer import Array
from handgrad.losses.loss import Loss
from handgrad.losses.weighting import mean_weights, weighted_mean


@dataclass(frozen=True)
class MemberLogits(ClassLogits):
    """The logits of each member's classes, member after member."""

    n_members: int

    def inverse_link(self, p: Array) -> Array:
        return super().inverse_link(p.reshape(len(p), self.n_members, -1)).reshape(p.shape)


class EnsembleCrossEntropyLoss(Loss):
    """The mean over members of each member's own cross-entropy, after a softmax. Takes logits.

    forward     l = −mean Σ_c t log p, where p = e^z / Σ_c e^z, over the classes c of a member
    backward    dz = (p Σ_c t − t) s, where s is each member's share in the mean: 1 / (n members)
    shapes      z, dz (n, n_members · n_classes), member after member
                t like z: a distribution for each member, a 1 at its class or shares of several
                w (n,), if rows are weighted
    source      Lee et al., "Why M Heads are Better than One", 2015, section 3

    Each member learns as if it were alone; the loss of their mean would let some rely on others.

    >>> loss = EnsembleCrossEntropyLoss(2)
    >>> z, t = np.log([[1.0, 3.0, 1.0, 1.0]]), np.array([[1.0, 0.0, 0.5, 0.5]])
    >>> float(loss.forward(z, t).round(6))                         # (−log ¼ − log ½)/2
    1.039721
    >>> loss.backward().round(12) + 0.0                            # (¼ − 1)/2, ¾/2; (½ − ½)/2
    array([[-0.375,  0.375,  0.   ,  0.   ]])
    """

    target_kind = Distributions()

    def __init__(self, n_members: int) -> None:
        super().__init__()
        positive("n_members", n_members, whole=True)
        self.n_members = int(n_members)
        self.input_kind = MemberLogits(self.n_members)

    def forward(self, z: Array, t: Array, sample_weight: Array | None = None) -> float:
        z = z.reshape(len(z), self.n_members, z.shape[1] // self.n_members)
        z = z - z.max(axis=2, keepdims=True)
        log_p = z - np.log(np.exp(z).sum(axis=2, keepdims=True))
        self.p, self.t, self.w = np.exp(log_p), t.reshape(z.shape), sample_weight
        return weighted_mean(-(self.t * log_p).sum(axis=2), self.w)

    def backward(self, loss: object = None) -> Array:
        dz = self.p * self.t.sum(axis=2, keepdims=True) - self.t
        dz = dz * mean_weights(self.w, dz) * dz.shape[2]
        return dz.reshape(len(dz), dz.shape[1] * dz.shape[2])

"""Softmax: from any numbers to probabilities."""

import numpy as np

from handgrad.textbook.kinds import ClassProbabilities
from handgrad.textbook.layers.layer import Layer
from handgrad.textbook.module import Array


class Softmax(Layer):
    """Softmax: turns the numbers of each row or position into probabilities that sum to 1.

    forward     pᵢ = e^zᵢ / Σⱼ e^zⱼ, with max z subtracted first, so that e^z cannot overflow
    backward    dzᵢ = pᵢ (dpᵢ − Σⱼ pⱼ dpⱼ), the product with the Jacobian ∂pᵢ/∂zⱼ = pᵢ (δᵢⱼ − pⱼ)
    shapes      z, p, dp, dz (n, …, n_classes)
    source      Bridle, "Probabilistic interpretation of feedforward classification network
                outputs", 1990

    >>> softmax = Softmax()
    >>> softmax.forward(np.log(np.array([[1.0, 3.0]]))).round(12)  # 1/4, 3/4
    array([[0.25, 0.75]])
    >>> softmax.backward(np.array([[8.0, 0.0]])).round(12)         # ¼(8 − 2), ¾(0 − 2)
    array([[ 1.5, -1.5]])
    """

    output_kind = ClassProbabilities()

    def forward(self, z: Array) -> Array:
        e = np.exp(z - z.max(axis=-1, keepdims=True))
        self.p = e / e.sum(axis=-1, keepdims=True)
        return self.p

    def backward(self, dp: Array) -> Array:
        pdp = self.p * dp
        return pdp - self.p * pdp.sum(axis=-1, keepdims=True)

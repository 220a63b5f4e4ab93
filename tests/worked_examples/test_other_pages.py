"""The other pages on paper: each number is worked out in the comment beside it."""

from math import log
from typing import Any

import numpy as np

import handgrad as hg


def equals(found: Any, on_paper: Any) -> None:
    np.testing.assert_allclose(found, on_paper, rtol=1e-14)


def test_leaky_relu_lets_the_share_a_of_the_rest_through() -> None:
    leaky = hg.LeakyReLU(0.25)
    equals(leaky.forward(np.array([[4.0, -2.0, 0.0]])), [[4, -0.5, 0]])  # 4, 0.25·-2, 0.25·0
    equals(leaky.backward(np.array([[3.0, 8.0, 8.0]])), [[3, 2, 2]])  # 3, 0.25·8, 0.25·8


def test_sigmoid_is_one_over_one_plus_e_to_the_minus_x() -> None:
    sigmoid = hg.Sigmoid()
    x = np.array([[log(3), -log(3), 0.0]])  # e^-x = 1/3, 3, 1
    equals(sigmoid.forward(x), [[0.75, 0.25, 0.5]])  # 1/(1 + 1/3), 1/(1 + 3), 1/(1 + 1)
    equals(sigmoid.backward(np.array([[16.0, 32.0, 4.0]])), [[3, 6, 1]])  # 3/16·16, 3/16·32, ¼·4


def test_softmax_multiplies_by_its_whole_jacobian() -> None:
    softmax = hg.Softmax()
    z = np.log(np.array([[1.0, 2.0, 5.0]]))
    equals(softmax.forward(z), [[0.125, 0.25, 0.625]])  # over 1 + 2 + 5 = 8
    # s = 0.125·8 + 0.25·4 + 0.625·0 = 2; p (dp - s) = 0.125·6, 0.25·2, 0.625·-2
    equals(softmax.backward(np.array([[8.0, 4.0, 0.0]])), [[0.75, 0.5, -1.25]])


def test_standardize_and_its_inverse() -> None:
    standardize = hg.Standardize(np.array([1.0, -2.0]), np.array([2.0, 0.5]))
    equals(standardize.forward(np.array([[5.0, -1.0]])), [[2, 2]])  # (5 - 1)/2, (-1 + 2)/0.5
    equals(standardize.backward(np.array([[3.0, 3.0]])), [[1.5, 6]])  # 3/2, 3/0.5
    inverse = standardize.inverse()
    equals(inverse.forward(np.array([[2.0, 2.0]])), [[5, -1]])  # 2·2 + 1, 0.5·2 - 2
    equals(inverse.backward(np.array([[3.0, 3.0]])), [[6, 1.5]])  # 2·3, 0.5·3


def test_standardize_of_rows_takes_their_mean_and_standard_deviation() -> None:
    standardize = hg.Standardize.of(np.array([[1.0, 7.0], [5.0, 7.0]]))
    equals(standardize.mean, [3, 7])  # (1 + 5)/2, (7 + 7)/2
    equals(standardize.scale, [2, 1])  # √((4 + 4)/2) = 2; 0, for which 1 is taken


def test_binary_cross_entropy_looks_at_the_probability_of_what_was_true() -> None:
    loss = hg.BinaryCrossEntropyLoss()
    p, y = np.array([[0.8], [0.75]]), np.array([1, 0])  # q = 0.8, 1 - 0.75 = 0.25
    equals(loss.forward(p, y), log(5) / 2)  # -(log 0.8 + log 0.25)/2 = -log(0.2)/2
    equals(loss.backward(), [[-0.625], [2]])  # -1/(2·0.8), 1/(2·0.25)


def test_absolute_error_has_the_sign_of_the_error_as_slope() -> None:
    loss = hg.MAELoss()
    p, y = np.array([[1.0, 4.0], [3.0, 0.5]]), np.array([[2.0, 4.0], [1.0, 0.0]])
    equals(loss.forward(p, y), 0.875)  # (1 + 0 + 2 + 0.5)/4
    equals(loss.backward(), [[-0.25, 0], [0.25, 0.25]])  # -1/4, 0, 1/4, 1/4


def test_softmax_of_huge_numbers_neither_overflows_nor_vanishes() -> None:
    z = np.array([[1000.0, 1000.0], [-1000.0, -1000.0]])  # only differences count: e⁰ = 1
    equals(hg.Softmax().forward(z), [[0.5, 0.5], [0.5, 0.5]])
    loss = hg.SoftmaxCrossEntropyLoss()
    equals(loss.forward(z, np.array([0, 1])), log(2))  # -log 0.5
    equals(loss.backward(), [[-0.25, 0.25], [0.25, -0.25]])  # (0.5 - 1)/2, 0.5/2

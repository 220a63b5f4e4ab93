"""The other pages on paper: each number is worked out in the comment beside it."""

import math
from math import log
from typing import Any

import numpy as np

import handgrad as hg
from handgrad.textbook.special_functions import erf


def equals(found: Any, on_paper: Any) -> None:
    np.testing.assert_allclose(found, on_paper, rtol=1e-14)


def test_leaky_relu_lets_the_share_a_of_the_rest_through() -> None:
    leaky = hg.layers.LeakyReLU(0.25)
    equals(leaky.forward(np.array([[4.0, -2.0, 0.0]])), [[4, -0.5, 0]])  # 4, 0.25·-2, 0.25·0
    equals(leaky.backward(np.array([[3.0, 8.0, 8.0]])), [[3, 2, 2]])  # 3, 0.25·8, 0.25·8


def test_sigmoid_is_one_over_one_plus_e_to_the_minus_x() -> None:
    sigmoid = hg.Sigmoid()
    x = np.array([[log(3), -log(3), 0.0]])  # e^-x = 1/3, 3, 1
    equals(sigmoid.forward(x), [[0.75, 0.25, 0.5]])  # 1/(1 + 1/3), 1/(1 + 3), 1/(1 + 1)
    equals(sigmoid.backward(np.array([[16.0, 32.0, 4.0]])), [[3, 6, 1]])  # 3/16·16, 3/16·32, ¼·4


def test_softplus_silu_and_mish_at_log_3() -> None:
    x = np.array([[log(3), -log(3)]])  # p = 1/(1 + 1/3) = 0.75, 1/(1 + 3) = 0.25
    softplus, silu, mish = hg.layers.Softplus(), hg.layers.SiLU(), hg.layers.Mish()
    equals(softplus.forward(x), [[log(4), log(4 / 3)]])  # log(1 + 3), log(1 + 1/3)
    equals(softplus.backward(np.array([[4.0, 4.0]])), [[3, 1]])
    equals(silu.forward(x), [[0.75 * log(3), -0.25 * log(3)]])
    # p + x p (1 - p) = 0.75 + 3/16 log 3, 0.25 - 3/16 log 3
    equals(silu.backward(np.array([[16.0, 16.0]])), [[12 + 3 * log(3), 4 - 3 * log(3)]])
    # tanh log u = (u² - 1)/(u² + 1): 15/17, and (16/9 - 1)/(16/9 + 1) = 7/25
    equals(mish.forward(x), [[15 / 17 * log(3), -7 / 25 * log(3)]])
    # t + x (1 - t²) p = 15/17 + 64/289 · 3/4 log 3, 7/25 - 576/625 · 1/4 log 3
    slopes = [[15 / 17 + 48 / 289 * log(3), 7 / 25 - 144 / 625 * log(3)]]
    equals(mish.backward(np.ones((1, 2))), slopes)


def test_elu_ends_at_minus_a_and_selu_is_its_multiple() -> None:
    elu, selu = hg.layers.ELU(2.0), hg.layers.SELU()
    x = np.array([[-log(4), 3.0]])
    equals(elu.forward(x), [[-1.5, 3]])  # 2 (1/4 - 1), 3
    equals(elu.backward(np.array([[6.0, 6.0]])), [[3, 6]])  # 2 · 1/4 · 6, 6
    s, a = 1.0507009873554805, 1.6732632423543772
    equals(selu.forward(x), [[-0.75 * s * a, 3 * s]])
    equals(selu.backward(np.array([[4.0, 1.0]])), [[s * a, s]])  # s a · 1/4 · 4, s


def test_erf_is_that_of_the_standard_library_to_the_last_digits() -> None:
    x = np.concatenate([np.linspace(-7, 7, 2001), [1e-300, 1e300, -1e300, np.inf]])
    expected = [math.erf(value) for value in x]
    np.testing.assert_allclose(erf(x), expected, rtol=0, atol=4e-15)


def test_gelu_multiplies_by_a_probability() -> None:
    gelu, by_tanh = hg.GELU(), hg.layers.GELUTanh()
    x = np.array([[1.0, -1.0]])  # a normal number is below 1 in 84.13447460685429 of 100 cases
    q, density = 0.8413447460685429, math.exp(-0.5) / math.sqrt(2 * math.pi)
    np.testing.assert_allclose(gelu.forward(x), [[q, q - 1]], rtol=1e-14)
    slopes = [[q + density, 1 - q - density]]
    np.testing.assert_allclose(gelu.backward(np.ones((1, 2))), slopes, rtol=1e-13)
    np.testing.assert_allclose(by_tanh.forward(x), [[q, q - 1]], atol=5e-4)


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


def test_layer_norm_of_a_row() -> None:
    norm = hg.LayerNorm(2, eps=7.0, dtype=np.float64)
    norm.gamma, norm.beta = np.array([[4, 8], [1, -1]])
    # mean 5, d = -3 and 3, r = 1/√(9 + 7) = 1/4, z = -3/4 and 3/4
    equals(norm.forward(np.array([[2.0, 8.0]])), [[-2, 5]])  # 4·-3/4 + 1, 8·3/4 - 1
    # dz = 4·4 and 8·1, mean 12; z dz = -12 and 6, mean -3: ¼ (4 + 3·-3/4), ¼ (-4 + 3·3/4)
    equals(norm.backward(np.array([[4.0, 1.0]])), [[0.4375, -0.4375]])
    equals(norm.dgamma, [-3, 0.75])  # 4·-3/4, 1·3/4
    equals(norm.dbeta, [4, 1])


def test_rms_norm_of_a_row() -> None:
    norm = hg.layers.RMSNorm(2, eps=3.5, dtype=np.float64)
    norm.gamma = np.array([8, 4])
    # mean of 16 and 9 is 12.5, r = 1/√(12.5 + 3.5) = 1/4, z = 1 and -3/4
    equals(norm.forward(np.array([[4.0, -3.0]])), [[8, -3]])  # 8·1, 4·-3/4
    # dz = 8·2 and 4·8, z dz = 16 and -24, mean -4: ¼ (16 + 4), ¼ (32 - 3)
    equals(norm.backward(np.array([[2.0, 8.0]])), [[5, 7.25]])
    equals(norm.dgamma, [2, -6])  # 2·1, 8·-3/4


def test_swiglu_multiplies_one_half_by_the_silu_of_the_other() -> None:
    swiglu = hg.layers.SwiGLU()
    x = np.array([[log(3), -log(3), 8.0, 16.0]])  # p = 1/(1 + 1/3) = 0.75, 1/(1 + 3) = 0.25
    equals(swiglu.forward(x), [[6 * log(3), -4 * log(3)]])  # 0.75 log 3 · 8, -0.25 log 3 · 16
    # of a, (p + s (1 - p)) b dy = (0.75 + 3/16 log 3) 8·2, (0.25 - 3/16 log 3) 16·1; of b, s dy
    of_a, of_b = [12 + 3 * log(3), 4 - 3 * log(3)], [1.5 * log(3), -0.25 * log(3)]
    equals(swiglu.backward(np.array([[2.0, 1.0]])), [[*of_a, *of_b]])


def test_batch_norm_learns_from_the_batch_and_predicts_by_what_it_remembers() -> None:
    norm = hg.BatchNorm(1, momentum=0.25, eps=7.0, dtype=np.float64)
    norm.gamma, norm.beta = np.array([[4], [1]])
    # mean 5, var 9, r = 1/√(9 + 7) = 1/4, z = -3/4 and 3/4
    equals(norm.forward(np.array([[2.0], [8.0]])), [[-2], [4]])  # 4·-3/4 + 1, 4·3/4 + 1
    equals(norm.running_mean, [1.25])  # 0.75·0 + 0.25·5
    equals(norm.running_var, [5.25])  # 0.75·1 + 0.25·9·2/1
    # dgamma = 4·-3/4 + 1·3/4 = -9/4, dbeta = 5: 4·¼ (4 - (5 + 27/16)/2), 4·¼ (1 - (5 - 27/16)/2)
    equals(norm.backward(np.array([[4.0], [1.0]])), [[21 / 32], [-21 / 32]])
    equals([norm.dgamma, norm.dbeta], [[-2.25], [5]])
    norm.running_mean, norm.running_var = np.array([[3], [9]])
    norm.training = False
    equals(norm.forward(np.array([[7.0]])), [[5]])  # 4 (7 - 3)/√(9 + 7) + 1
    equals(norm.running_mean, [3])
    equals(norm.backward(np.array([[6.0]])), [[6]])  # 4·¼·6


def test_dropout_leaves_out_what_is_drawn_and_scales_the_rest() -> None:
    dropout, x = hg.Dropout(0.2), np.array([[4.0, 8.0, 12.0]])
    dropout.rng = np.random.default_rng(0)  # draws 0.637, 0.270, 0.041
    equals(dropout.forward(x), [[5, 10, 0]])  # 4/0.8, 8/0.8, 0
    equals(dropout.backward(np.array([[8.0, 4.0, 4.0]])), [[10, 5, 0]])
    dropout.training = False
    equals(dropout.forward(x), x)
    equals(dropout.backward(x), x)


def test_binary_cross_entropy_looks_at_the_probability_of_what_was_true() -> None:
    loss = hg.BinaryCrossEntropyLoss()
    p, y = np.array([[0.8], [0.75]]), np.array([1, 0])  # q = 0.8, 1 - 0.75 = 0.25
    equals(loss.forward(p, y), log(5) / 2)  # -(log 0.8 + log 0.25)/2 = -log(0.2)/2
    equals(loss.backward(), [[-0.625], [2]])  # -1/(2·0.8), 1/(2·0.25)


def test_absolute_error_has_the_sign_of_the_error_as_slope() -> None:
    loss = hg.losses.MAELoss()
    p, y = np.array([[1.0, 4.0], [3.0, 0.5]]), np.array([[2.0, 4.0], [1.0, 0.0]])
    equals(loss.forward(p, y), 0.875)  # (1 + 0 + 2 + 0.5)/4
    equals(loss.backward(), [[-0.25, 0], [0.25, 0.25]])  # -1/4, 0, 1/4, 1/4


def test_softmax_of_huge_numbers_neither_overflows_nor_vanishes() -> None:
    z = np.array([[1000.0, 1000.0], [-1000.0, -1000.0]])  # only differences count: e⁰ = 1
    equals(hg.Softmax().forward(z), [[0.5, 0.5], [0.5, 0.5]])
    loss = hg.SoftmaxCrossEntropyLoss()
    equals(loss.forward(z, np.array([0, 1])), log(2))  # -log 0.5
    equals(loss.backward(), [[-0.25, 0.25], [0.25, -0.25]])  # (0.5 - 1)/2, 0.5/2


def test_attention_takes_a_mean_by_the_shares_of_a_softmax() -> None:
    attention = hg.MultiheadAttention(1, 1, dtype=np.float64)
    attention.W, attention.b = np.array([[0], [1], [1]]), np.array([1, 0, 0])  # q = 1, k = v = x
    attention.Wo = np.array([[4]])
    # s = 0, log 3 for each of the two places: shares 1/4 and 3/4, z = 3/4 log 3
    x = np.array([[[0.0], [log(3)]]])
    equals(attention.forward(x), [[[3 * log(3)], [3 * log(3)]]])
    # dz = 4·4, 4·0; dv = 1/4·16, 3/4·16; dp = 16·0, 16 log 3, whose mean is 12 log 3
    # ds = 1/4 (0 - 12 log 3), 3/4 (16 - 12) log 3 = -3 log 3, 3 log 3, and dk too, as q = 1
    dx = attention.backward(np.array([[[4.0], [0.0]]]))
    equals(dx, [[[4 - 3 * log(3)], [12 + 3 * log(3)]]])
    # dq = -3 log 3 · 0 + 3 log 3 · log 3 at the first place; dk sums to 0
    equals(attention.db[[0, 2]], [3 * log(3) ** 2, 16])
    assert abs(attention.db[1]) < 1e-14
    # dq x = 0 there; 3 log 3 · log 3; 12 log 3
    equals(attention.dW, [[0], [3 * log(3) ** 2], [12 * log(3)]])
    equals(attention.dWo, [[3 * log(3)]])  # 4 · 3/4 log 3
    equals(attention.dbo, [4])


def test_a_causal_place_asks_none_behind_it_and_no_place_asks_one_that_is_not_there() -> None:
    attention = hg.MultiheadAttention(1, 1, causal=True, dtype=np.float64)
    attention.W, attention.Wo = (
        np.array([[0], [0], [1]]),
        np.array([[1]]),
    )  # all scores 0: plain means of x
    x = np.array([[[2.0], [4.0], [9.0]]])
    equals(attention.forward(x), [[[2], [3], [5]]])  # 2, (2 + 4)/2, (2 + 4 + 9)/3
    mask = np.array([[False, True, True]])
    equals(attention.forward(x, mask), [[[0], [4], [6.5]]])  # nothing, 4, (4 + 9)/2
    equals(attention.backward(np.array([[[8.0], [1.0], [2.0]]])), [[[0], [2], [1]]])  # 1 + ½·2, ½·2


def test_padding_has_a_row_of_zeros_and_learns_nothing() -> None:
    embedding = hg.Embedding(3, 1, padding=0, dtype=np.float64)
    assert embedding.E[0, 0] == 0
    embedding.E = np.array([[9], [20], [30]])
    equals(
        embedding.forward(np.array([[1, 2, 0], [2, 0, 0]])), [[[20], [30], [0]], [[30], [0], [0]]]
    )
    embedding.backward(np.array([[[1.0], [2.0], [3.0]], [[4.0], [5.0], [6.0]]]))
    equals(embedding.dE, [[0], [1], [6]])  # nothing, 1, 2 + 4


def test_pooling_over_time_knows_which_places_are_there() -> None:
    x = np.array([[[1.0, 8.0], [4.0, 2.0], [7.0, 8.0]], [[-3.0, -1.0], [5.0, 9.0], [6.0, 6.0]]])
    dy = np.array([[6.0, 12.0], [1.0, 2.0]])
    mean, largest = hg.layers.MeanOverTime(), hg.layers.MaxOverTime()
    equals(mean.forward(x), [[4, 6], [8 / 3, 14 / 3]])  # 12/3, 18/3, 8/3, 14/3
    equals(mean.backward(dy)[0], [[2, 4]] * 3)  # 6/3, 12/3
    equals(largest.forward(x), [[7, 8], [6, 9]])
    equals(largest.backward(dy)[0], [[0, 12], [0, 0], [6, 0]])  # the first of two eights
    mask = np.array([[True, True, False], [True, False, False]])
    equals(mean.forward(x, mask), [[2.5, 5], [-3, -1]])  # (1 + 4)/2, (8 + 2)/2; the first alone
    equals(mean.backward(dy)[0], [[3, 6], [3, 6], [0, 0]])  # 6/2, 12/2
    equals(largest.forward(x, mask), [[4, 8], [-3, -1]])
    equals(largest.backward(dy)[1], [[1, 2], [0, 0], [0, 0]])
    for pooling in (mean, largest):
        equals(pooling.forward(x, ~mask & mask), np.zeros((2, 2)))
        equals(pooling.backward(dy), np.zeros((2, 3, 2)))


def test_positions_are_added_to_as_many_places_as_there_are() -> None:
    learned = hg.layers.PositionEmbedding(3, 1, dtype=np.float64)
    learned.P = np.array([[10], [20], [30]])
    equals(
        learned.forward(np.array([[[1.0], [2.0]], [[3.0], [4.0]]])), [[[11], [22]], [[13], [24]]]
    )
    learned.backward(np.array([[[1.0], [2.0]], [[30.0], [40.0]]]))
    equals(learned.dP, [[31], [42], [0]])  # 1 + 30, 2 + 40, none
    waves = hg.layers.SinusoidalEncoding(2, 4).forward(np.zeros((1, 2, 4)))
    one = [math.sin(1), math.cos(1), math.sin(0.01), math.cos(0.01)]  # 10000^(2/4) = 100
    equals(waves, [[[0, 1, 0, 1], one]])


def test_rotary_embedding_turns_pairs_by_position() -> None:
    rotary = hg.layers.RotaryEmbedding(4)
    x = np.array([[[5.0, 6.0, 7.0, 8.0], [1.0, 0.0, 0.0, 2.0]]])
    c, s, c_slow, s_slow = math.cos(1), math.sin(1), math.cos(0.01), math.sin(0.01)
    # by 0; by 1, and by 1/10000^(2/4) = 0.01: (1, 0) to (cos, sin), (0, 2) to (-2 sin, 2 cos)
    equals(rotary.forward(x), [[[5, 6, 7, 8], [c, s, -2 * s_slow, 2 * c_slow]]])
    equals(rotary.backward(x), [[[5, 6, 7, 8], [c, -s, 2 * s_slow, 2 * c_slow]]])


def test_rotary_attention_turns_queries_and_keys() -> None:
    attention = hg.MultiheadAttention(2, 1, rotary=True, dtype=np.float64)
    attention.W = np.vstack([np.eye(2), np.eye(2), np.eye(2)])  # q = k = v = x
    attention.Wo = np.eye(2)
    # (1, 0) at both positions: turned by 0 and 1 they meet at cos 1, and each itself at 1
    p = 1 / (1 + math.exp((math.cos(1) - 1) / math.sqrt(2)))
    v = np.array([[[1.0, 0.0], [1.0, 0.0]]])
    attention.forward(v)
    equals(attention.p, [[[[p, 1 - p], [1 - p, p]]]])


def test_both_directions_have_seen_the_whole_sequence() -> None:
    layers = [hg.layers.RNN(1, 1, dtype=np.float64) for _ in range(2)]
    for layer in layers:
        layer.W, layer.U = np.ones((2, 1, 1))
    both = hg.Bidirectional(*layers)
    x1, x2 = 0.25, -0.5
    h1, g2 = math.tanh(x1), math.tanh(x2)  # from the start, from the end
    h2, g1 = math.tanh(x2 + h1), math.tanh(x1 + g2)
    equals(both.forward(np.array([[[x1], [x2]]])), [[h2, g1]])
    slope_h, slope_g = 1 - h2**2, 10 * (1 - g1**2)
    dx1, dx2 = (1 - h1**2) * slope_h + slope_g, slope_h + (1 - g2**2) * slope_g
    equals(both.backward(np.array([[1.0, 10.0]])), [[[dx1], [dx2]]])
    equals(layers[0].dU, [[h1 * slope_h]])
    equals(layers[1].dU, [[g2 * slope_g]])


def test_a_tied_table_has_the_gradients_of_both_its_uses() -> None:
    embedding, linear = hg.Embedding(3, 2, dtype=np.float64), hg.Linear(2, 2, dtype=np.float64)
    embedding.E, linear.W = np.array([[1, 2], [3, 4], [5, 6]]), np.array([[0, 1], [1, 0]])
    tied = hg.TiedEmbedding(embedding, linear)
    equals(tied.forward(np.array([[1]])), [[[10, 24, 38]]])  # z = 4 3: 1·4 + 2·3, 3·4 + 4·3, …
    tied.backward(np.array([[[1.0, 0.0, 2.0]]]))
    # dz = 1·[1 2] + 2·[5 6] = 11 14, changed over 14 11 for row 1; dyᵀ z = 4 3, 0 0, 8 6
    equals(embedding.dE, [[4, 3], [14, 11], [8, 6]])
    equals(tied.gradients, [4, 3, 14, 11, 8, 6, *[33, 44], *[42, 56], *[11, 14]])  # dzᵀ [3 4]
    assert tied.parameters.size == 6 + 6  # the table once


def test_the_padding_index_of_a_tied_table_is_embedded_as_0_and_scored_by_its_row() -> None:
    embedding = hg.Embedding(2, 1, padding=0, dtype=np.float64)
    tied = hg.TiedEmbedding(embedding, hg.Linear(1, 1, dtype=np.float64))
    tied.parameters[...] = [5, 3, 1, 1]  # E, W and b
    equals(tied.forward(np.array([[0, 1]])), [[[5, 3], [20, 12]]])  # z = 0 + 1, 3 + 1
    assert hg.check_gradients(tied, x=np.array([[0, 1], [1, 1]]))

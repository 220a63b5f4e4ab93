"""Pages for pictures on paper: each number is worked out in the comment beside it."""

from typing import Any

import numpy as np

import handgrad as hg


def equals(found: Any, on_paper: Any) -> None:
    np.testing.assert_allclose(found, on_paper, rtol=1e-14)


def test_a_convolution_weighs_the_same_window_everywhere() -> None:
    layer = hg.Conv2d(1, 1, 2, dtype=np.float64)
    layer.W, layer.b = np.array([[[[1, 2], [3, 4]]]]), np.array([10])
    x = np.array([[[[1.0, 0, 2], [0, 1, 0], [3, 0, 1]]]])
    # 1·1 + 4·1 + 10, 2·2 + 3·1 + 10; 2·1 + 3·3 + 10, 1·1 + 4·1 + 10
    equals(layer.forward(x), [[[[15, 17], [21, 15]]]])
    # each place is in the windows that cover it: the middle one in all four, by 4, 3, 2 and 1
    dx = layer.backward(np.array([[[[1.0, 10], [100, 1000]]]]))
    equals(
        dx,
        [
            [
                [
                    [1, 12, 20],  # 1·1, 2·1 + 1·10, 2·10
                    [103, 1234, 2040],  # 3·1 + 1·100, 4·1 + 3·10 + 2·100 + 1·1000, 4·10 + 2·1000
                    [300, 3400, 4000],  # 3·100, 4·100 + 3·1000, 4·1000
                ]
            ]
        ],
    )
    # x seen from each weight: [1 0; 0 1], [0 2; 1 0], [0 1; 3 0], [1 0; 0 1] against dz
    equals(layer.dW, [[[[1001, 120], [310, 1001]]]])
    equals(layer.db, [1111])


def test_a_stride_leaves_windows_out_and_padding_puts_zeros_around() -> None:
    layer = hg.layers.Conv1d(1, 1, 2, stride=3, padding=1, dtype=np.float64)
    layer.W, layer.b = np.array([[[1, 10]]]), np.array([0])
    x = np.array([[[2.0, 3, 4, 5, 6]]])  # 0 2 | 3 | 4 5 | 6 0: windows at 0 and 3
    equals(layer.forward(x), [[[20, 54]]])  # 1·0 + 10·2, 1·4 + 10·5
    equals(layer.backward(np.array([[[1.0, 2]]])), [[[10, 0, 2, 20, 0]]])  # 10·1; 1·2, 10·2
    equals(layer.dW, [[[8, 12]]])  # 1·0 + 2·4, 1·2 + 2·5


def test_channels_are_summed_over_and_each_output_has_weights_of_its_own() -> None:
    layer = hg.Conv2d(2, 2, 1, dtype=np.float64)
    layer.W = np.array([[1, 2], [3, 4]]).reshape(2, 2, 1, 1)
    x = np.array([5.0, 6]).reshape(1, 2, 1, 1)
    equals(layer.forward(x).ravel(), [17, 39])  # 1·5 + 2·6, 3·5 + 4·6
    dx = layer.backward(np.array([1.0, 10]).reshape(1, 2, 1, 1))
    equals(dx.ravel(), [31, 42])  # 1·1 + 3·10, 2·1 + 4·10
    equals(layer.dW.ravel(), [5, 6, 50, 60])


def test_dilation_spreads_the_window() -> None:
    layer = hg.layers.Conv1d(1, 1, 2, dilation=2, dtype=np.float64)
    layer.W, layer.b = np.array([[[1, 10]]]), np.array([0])
    equals(layer.forward(np.array([[[2.0, 3, 4, 5]]])), [[[42, 53]]])  # 1·2 + 10·4, 1·3 + 10·5
    equals(layer.backward(np.array([[[1.0, 2]]])), [[[1, 2, 10, 20]]])  # 1·1, 1·2, 10·1, 10·2
    equals(layer.dW, [[[8, 14]]])  # 1·2 + 2·3, 1·4 + 2·5


def test_outputs_of_a_group_see_its_inputs_alone() -> None:
    layer = hg.Conv2d(2, 4, 1, groups=2, dtype=np.float64)
    layer.W = np.array([1, 2, 3, 4]).reshape(4, 1, 1, 1)
    x = np.array([5.0, 6]).reshape(1, 2, 1, 1)
    equals(layer.forward(x).ravel(), [5, 10, 18, 24])  # 1·5, 2·5, 3·6, 4·6
    dx = layer.backward(np.array([1.0, 10, 100, 1000]).reshape(1, 4, 1, 1))
    equals(dx.ravel(), [21, 4300])  # 1·1 + 2·10, 3·100 + 4·1000
    equals(layer.dW.ravel(), [5, 50, 600, 6000])


def test_a_transposed_convolution_adds_windows_to_the_output() -> None:
    layer = hg.layers.ConvTranspose2d(1, 1, (1, 3), stride=(1, 2), padding=(0, 1), dtype=np.float64)
    layer.W, layer.b = np.array([[[[1, 10, 100]]]]), np.array([0])
    # 2·[1 10 100] at 0 and 3·[1 10 100] at 2, without the first and the last number
    equals(layer.forward(np.array([[[[2.0, 3]]]])), [[[[20, 203, 30]]]])
    # 10·1 + 100·2, 1·2 + 10·3: the zeros around dy count for nothing
    equals(layer.backward(np.array([[[[1.0, 2, 3]]]])), [[[[210, 32]]]])
    equals(layer.dW, [[[[6, 11, 4]]]])  # 2·0 + 3·2, 2·1 + 3·3, 2·2 + 3·0
    equals(layer.db, [6])


def test_first_weights_of_a_convolution_are_those_of_a_linear_layer_on_a_window() -> None:
    convolution = hg.Conv2d(3, 4, (2, 5), rng=0)
    linear = hg.Linear(3 * 2 * 5, 4, rng=0)
    np.testing.assert_array_equal(convolution.W.reshape(4, 30), linear.W)


def test_max_pooling_hands_the_slope_to_the_first_of_the_largest() -> None:
    pool = hg.MaxPool2d(2, stride=1)
    x = np.array([[[[1.0, 7, 2], [4, 7, 7]]]])
    equals(pool.forward(x), [[[[7, 7]]]])
    # in the left window the upper 7 comes first, and so it does in the right one
    equals(pool.backward(np.array([[[[1.0, 10]]]])), [[[[0, 11, 0], [0, 0, 0]]]])


def test_padding_is_never_the_largest_and_nan_is_passed_on() -> None:
    pool = hg.MaxPool2d(2, padding=1)
    x = np.array([[[[-3.0, -1], [-2, np.nan]]]])
    np.testing.assert_array_equal(pool.forward(x), [[[[-3, -1], [-2, np.nan]]]])
    equals(pool.backward(np.array([[[[1.0, 2], [3, 4]]]])), [[[[1, 2], [3, 4]]]])


def test_average_pooling_counts_the_padding() -> None:
    pool = hg.layers.AvgPool2d(2, padding=1)
    x = np.array([[[[4.0, 8], [12, 16]]]])
    equals(pool.forward(x), [[[[1, 2], [3, 4]]]])  # one number and three zeros each: 4/4, 8/4, …
    equals(pool.backward(np.array([[[[4.0, 8], [12, 16]]]])), [[[[1, 2], [3, 4]]]])
    plain = hg.layers.AvgPool2d((1, 2))
    equals(plain.forward(x), [[[[6], [14]]]])  # (4 + 8)/2, (12 + 16)/2


def test_batch_norm_of_pictures_takes_all_places_of_a_channel_together() -> None:
    norm = hg.layers.BatchNorm2d(2, momentum=0.5, eps=3.0, dtype=np.float64)
    x = np.array([[[[1.0, 3]], [[5, 5]]], [[[1, 3]], [[5, 5]]]])
    # channel 0: mean 2, var 1, r = 1/√(1 + 3); channel 1: all alike
    equals(norm.forward(x), [[[[-0.5, 0.5]], [[0, 0]]]] * 2)
    equals(norm.running_mean, [1, 2.5])  # half of the way from 0 to 2 and to 5
    equals(norm.running_var, [7 / 6, 0.5])  # (1 + 1·4/3)/2, (1 + 0)/2
    norm.backward(np.array([[[[1.0, 2]], [[3, 4]]], [[[5, 6]], [[7, 8]]]]))
    equals(norm.dgamma, [1, 0])  # ½ (−1 + 2 − 5 + 6), 0
    equals(norm.dbeta, [14, 22])  # 1 + 2 + 5 + 6, 3 + 4 + 7 + 8


def test_a_shift_moves_each_picture_by_what_is_drawn_for_it() -> None:
    shift = hg.layers.RandomShift(1)
    shift.rng = np.random.default_rng(0)  # draws 0.637, 0.270; 0.041, 0.017
    x = np.array([[[[1.0, 2], [3, 4]]], [[[1, 2], [3, 4]]]])
    # 3 u rounded down, less 1: lines by 0 and -1, columns by -1 and -1
    equals(shift.forward(x), [[[[0, 1], [0, 3]]], [[[0, 0], [0, 1]]]])
    equals(shift.backward(x), [[[[2, 0], [4, 0]]], [[[4, 0], [0, 0]]]])
    shift.training = False
    equals(shift.forward(x), x)
    equals(shift.backward(x), x)


def test_a_flip_turns_left_and_right_about() -> None:
    flip = hg.layers.RandomHorizontalFlip(0.5)
    flip.rng = np.random.default_rng(0)  # draws 0.637, 0.270: the second row is flipped
    x = np.array([[[[1.0, 2], [3, 4]]], [[[1, 2], [3, 4]]]])
    equals(flip.forward(x), [[[[1, 2], [3, 4]]], [[[2, 1], [4, 3]]]])
    equals(flip.backward(x), [[[[1, 2], [3, 4]]], [[[2, 1], [4, 3]]]])
    flip.training = False
    equals(flip.forward(x), x)
    equals(flip.backward(x), x)


def test_noise_is_normal_and_absent_in_prediction() -> None:
    noise, x = hg.layers.GaussianNoise(0.5), np.zeros((1000, 100))
    noise.seed(0)
    y = noise.forward(x)
    # of 100 000 numbers the mean is off by 0.5/√100000 = 0.0016, the square by 0.25 √(2/100000)
    assert abs(y.mean()) < 4 * 0.0016
    assert abs((y**2).mean() - 0.25) < 4 * 0.0011
    assert abs((np.abs(y) < 0.5).mean() - 0.6827) < 4 * 0.0015  # within one standard deviation
    noise.training = False
    assert noise.forward(x) is x


def test_shapes_change_and_no_number_does() -> None:
    x = np.arange(12.0).reshape(2, 6)
    reshape, flatten, transpose = hg.layers.Reshape(3, 2), hg.Flatten(), hg.layers.Transpose(2, 1)
    y = reshape.forward(x)
    equals(y[1], [[6, 7], [8, 9], [10, 11]])
    z = transpose.forward(y)
    equals(z[1], [[6, 8, 10], [7, 9, 11]])
    equals(flatten.forward(z)[1], [6, 8, 10, 7, 9, 11])
    equals(reshape.backward(transpose.backward(flatten.backward(flatten.forward(z)))), x)
    last = hg.layers.Transpose(3, 1, 2)  # channels, which came last, first
    assert last.forward(np.zeros((2, 28, 30, 3))).shape == (2, 3, 28, 30)
    assert last.backward(np.zeros((2, 3, 28, 30))).shape == (2, 28, 30, 3)

"""A 2-2-2 net of ReLU and squared error on paper: two rows forward, back, one step.

All numbers are sums of powers of two: nothing is rounded anywhere, in float32 either, so that
the tests ask for equality to the last bit.
"""

from typing import Any

import numpy as np
import pytest

import handgrad as hg

X = np.array([[2.0, 1.0], [1.0, 3.0]])
Y = np.array([[1.5, 2.5], [3.5, 0.5]])
W1, B1 = [[1.0, -1.0], [2.0, 1.0]], [0.0, -1.0]
W2, B2 = [[1.0, 0.5], [-1.0, 0.75]], [0.5, -0.5]
LEARNING_RATE = 0.5

Z = [  # z = x W1ᵀ + b1
    [1.0, 4.0],  # 1·2 - 1·1 + 0 = 1        2·2 + 1·1 - 1 = 4
    [-2.0, 4.0],  # 1·1 - 1·3 + 0 = -2      2·1 + 1·3 - 1 = 4
]
H = [[1.0, 4.0], [0.0, 4.0]]  # h = max(z, 0): the -2 is stopped
P = [  # p = h W2ᵀ + b2
    [3.5, 1.5],  # 1·1 + 0.5·4 + 0.5 = 3.5      -1·1 + 0.75·4 - 0.5 = 1.5
    [2.5, 2.5],  # 1·0 + 0.5·4 + 0.5 = 2.5      -1·0 + 0.75·4 - 0.5 = 2.5
]
# e = p - y: 3.5 - 1.5 = 2, 1.5 - 2.5 = -1; 2.5 - 3.5 = -1, 2.5 - 0.5 = 2
LOSS = 2.5  # (4 + 1 + 1 + 4) / 4
DP = [[1.0, -0.5], [-0.5, 1.0]]  # dp = 2 e / 4 = e / 2
DW2 = [  # dW2 = dpᵀ h, summed over the rows
    [1.0, 2.0],  # 1·1 - 0.5·0 = 1          1·4 - 0.5·4 = 2
    [-0.5, 2.0],  # -0.5·1 + 1·0 = -0.5     -0.5·4 + 1·4 = 2
]
DB2 = [0.5, 0.5]  # 1 - 0.5, -0.5 + 1
DH = [  # dh = dp W2
    [1.5, 0.125],  # 1·1 - 0.5·-1 = 1.5         1·0.5 - 0.5·0.75 = 0.125
    [-1.5, 0.5],  # -0.5·1 + 1·-1 = -1.5        -0.5·0.5 + 1·0.75 = 0.5
]
DZ = [[1.5, 0.125], [0.0, 0.5]]  # dz = dh where z > 0: the -1.5 is stopped
DW1 = [  # dW1 = dzᵀ x
    [3.0, 1.5],  # 1.5·2 + 0·1 = 3              1.5·1 + 0·3 = 1.5
    [0.75, 1.625],  # 0.125·2 + 0.5·1 = 0.75    0.125·1 + 0.5·3 = 1.625
]
DB1 = [1.5, 0.625]  # 1.5 + 0, 0.125 + 0.5
DX = [  # dx = dz W1
    [1.75, -1.375],  # 1.5·1 + 0.125·2 = 1.75   1.5·-1 + 0.125·1 = -1.375
    [1.0, 0.5],  # 0·1 + 0.5·2 = 1              0·-1 + 0.5·1 = 0.5
]
# w - 0.5 dw
NEW_W1 = [[-0.5, -1.75], [1.625, 0.1875]]  # 1 - 1.5, -1 - 0.75; 2 - 0.375, 1 - 0.8125
NEW_B1 = [-0.75, -1.3125]  # 0 - 0.75, -1 - 0.3125
NEW_W2 = [[0.5, -0.5], [-0.75, -0.25]]  # 1 - 0.5, 0.5 - 1; -1 + 0.25, 0.75 - 1
NEW_B2 = [0.25, -0.75]  # 0.5 - 0.25, -0.5 - 0.25

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def net_on_paper(dtype: Any) -> hg.Net:
    first, second = hg.Linear(2, 2, dtype=dtype), hg.Linear(2, 2, dtype=dtype)
    first.W, first.b, second.W, second.b = map(np.array, (W1, B1, W2, B2))
    return hg.Net(first, hg.ReLU(), second)


def equals(found: Any, on_paper: Any) -> None:
    np.testing.assert_array_equal(found, on_paper)


def after_one_step(net: hg.Net) -> None:
    first, _, second = net.layers
    equals(first.W, NEW_W1)
    equals(first.b, NEW_B1)
    equals(second.W, NEW_W2)
    equals(second.b, NEW_B2)


@each_dtype
def test_forward_layer_by_layer_gives_the_numbers_on_paper(dtype: Any) -> None:
    first, relu, second = net_on_paper(dtype).layers
    equals(first.forward(X.astype(dtype)), Z)
    equals(relu.forward(np.array(Z, dtype)), H)
    equals(second.forward(np.array(H, dtype)), P)
    assert float(hg.MSELoss().forward(np.array(P, dtype), Y)) == LOSS


@each_dtype
def test_backward_layer_by_layer_gives_the_numbers_on_paper(dtype: Any) -> None:
    net, loss = net_on_paper(dtype), hg.MSELoss()
    first, relu, second = net.layers
    loss.forward(net.forward(X), Y)
    dp = loss.backward()
    equals(dp, DP)
    dh = second.backward(dp)
    equals(dh, DH)
    equals(second.dW, DW2)
    equals(second.db, DB2)
    dz = relu.backward(dh)
    equals(dz, DZ)
    equals(first.backward(dz), DX)
    equals(first.dW, DW1)
    equals(first.db, DB1)


@each_dtype
def test_one_update_gives_the_weights_on_paper(dtype: Any) -> None:
    net, loss = net_on_paper(dtype), hg.MSELoss()
    loss.forward(net.forward(X), Y)
    equals(net.backward(loss.backward()), DX)
    net.update(LEARNING_RATE)
    after_one_step(net)


@each_dtype
def test_one_epoch_of_train_gives_the_weights_on_paper(dtype: Any) -> None:
    net, sgd = net_on_paper(dtype), hg.SGD(LEARNING_RATE)
    (report,) = hg.train(net, (X, Y), loss=hg.MSELoss(), optimizer=sgd, epochs=1)
    assert report.train_loss == LOSS
    after_one_step(net)


@each_dtype
@pytest.mark.parametrize("by_train", [True, False])
def test_a_frozen_layer_stays_and_the_other_moves_as_on_paper(dtype: Any, by_train: bool) -> None:
    net, loss = net_on_paper(dtype), hg.MSELoss()
    net.layers[0].freeze()
    if by_train:
        list(hg.train(net, (X, Y), loss=loss, optimizer=hg.SGD(LEARNING_RATE), epochs=1))
    else:
        loss.forward(net.forward(X), Y)
        net.backward(loss.backward())
        net.update(LEARNING_RATE)
    equals(net.layers[0].W, W1)
    equals(net.layers[0].b, B1)
    equals(net.layers[2].W, NEW_W2)
    equals(net.layers[2].b, NEW_B2)


def test_a_layer_frozen_after_a_step_does_not_go_on_along_that_steps_gradient() -> None:
    net, sgd = net_on_paper(np.float64), hg.SGD(LEARNING_RATE)
    list(hg.train(net, (X, Y), loss=hg.MSELoss(), optimizer=sgd, epochs=1))
    net.layers[0].freeze()
    list(hg.train(net, (X, Y), loss=hg.MSELoss(), optimizer=sgd, epochs=1))
    equals(net.layers[0].W, NEW_W1)
    equals(net.layers[0].b, NEW_B1)
    assert (net.layers[2].b != NEW_B2).all()

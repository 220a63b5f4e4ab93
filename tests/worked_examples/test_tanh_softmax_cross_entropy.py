"""A 2-2-2 net of tanh, softmax and cross-entropy on paper: two rows forward, back, one step.

Every number comes from the arithmetic on its line; the value after the comment's last = is it,
rounded. u and v are the two rows, 1 and 2 the two units.
"""

from math import exp, log, tanh
from typing import Any

import numpy as np
import pytest

import handgrad as hg

X, Y = np.array([[1.0, 2.0], [-1.0, 0.5]]), np.array([0, 1])
W1, B1 = [[0.5, -0.3], [0.2, 0.4]], [0.2, -0.1]
W2, B2 = [[1.0, -0.5], [-0.6, 0.8]], [0.05, -0.05]
LEARNING_RATE = 0.5

# Linear 1: z = x W1ᵀ + b1
u_z1 = 0.5 * 1 - 0.3 * 2 + 0.2  # = 0.1
u_z2 = 0.2 * 1 + 0.4 * 2 - 0.1  # = 0.9
v_z1 = 0.5 * -1 - 0.3 * 0.5 + 0.2  # = -0.45
v_z2 = 0.2 * -1 + 0.4 * 0.5 - 0.1  # = -0.1

# Tanh
u_h1 = tanh(u_z1)  # = 0.099668
u_h2 = tanh(u_z2)  # = 0.716298
v_h1 = tanh(v_z1)  # = -0.421899
v_h2 = tanh(v_z2)  # = -0.099668

# Linear 2: o = h W2ᵀ + b2
u_o1 = 1.0 * u_h1 - 0.5 * u_h2 + 0.05  # 0.099668 - 0.358149 + 0.05 = -0.208481
u_o2 = -0.6 * u_h1 + 0.8 * u_h2 - 0.05  # -0.059801 + 0.573038 - 0.05 = 0.463237
v_o1 = 1.0 * v_h1 - 0.5 * v_h2 + 0.05  # -0.421899 + 0.049834 + 0.05 = -0.322065
v_o2 = -0.6 * v_h1 + 0.8 * v_h2 - 0.05  # 0.253139 - 0.079734 - 0.05 = 0.123405

# Softmax: p = eᵒ over the row's sum of eᵒ
u_p1 = exp(u_o1) / (exp(u_o1) + exp(u_o2))  # 0.811816 / (0.811816 + 1.589210) = 0.338112
u_p2 = exp(u_o2) / (exp(u_o1) + exp(u_o2))  # 1.589210 / 2.401026 = 0.661888
v_p1 = exp(v_o1) / (exp(v_o1) + exp(v_o2))  # 0.724651 / (0.724651 + 1.131342) = 0.390438
v_p2 = exp(v_o2) / (exp(v_o1) + exp(v_o2))  # 1.131342 / 1.855993 = 0.609562

# CrossEntropyLoss: row u is of the first class, row v of the second
loss_of_both = -(log(u_p1) + log(v_p2)) / 2  # (1.084378 + 0.495015) / 2 = 0.789696

# dp = -1 / (n p) at the true class, n = 2 rows
u_dp1, u_dp2 = -1 / (2 * u_p1), 0.0  # -1 / 0.676224 = -1.478799
v_dp1, v_dp2 = 0.0, -1 / (2 * v_p2)  # -1 / 1.219123 = -0.820262

# Softmax: do = p (dp - s), where s = Σ p dp over the row's classes
u_s = u_p1 * u_dp1 + u_p2 * u_dp2  # 0.338112 · -1.478799 + 0 = -0.5
v_s = v_p1 * v_dp1 + v_p2 * v_dp2  # 0 + 0.609562 · -0.820262 = -0.5
u_do1 = u_p1 * (u_dp1 - u_s)  # 0.338112 · -0.978799 = -0.330944
u_do2 = u_p2 * (u_dp2 - u_s)  # 0.661888 · 0.5 = 0.330944
v_do1 = v_p1 * (v_dp1 - v_s)  # 0.390438 · 0.5 = 0.195219
v_do2 = v_p2 * (v_dp2 - v_s)  # 0.609562 · -0.320262 = -0.195219

# Linear 2: dW2 = doᵀ h, db2 = Σ do, summed over the rows; dh = do W2
DW2 = [
    [u_do1 * u_h1 + v_do1 * v_h1, u_do1 * u_h2 + v_do1 * v_h2],  # = -0.115347, -0.256512
    [u_do2 * u_h1 + v_do2 * v_h1, u_do2 * u_h2 + v_do2 * v_h2],  # = 0.115347, 0.256512
]
DB2 = [u_do1 + v_do1, u_do2 + v_do2]  # = -0.135725, 0.135725
u_dh1 = u_do1 * 1.0 + u_do2 * -0.6  # -0.330944 - 0.198566 = -0.529510
u_dh2 = u_do1 * -0.5 + u_do2 * 0.8  # 0.165472 + 0.264755 = 0.430227
v_dh1 = v_do1 * 1.0 + v_do2 * -0.6  # 0.195219 + 0.117132 = 0.312351
v_dh2 = v_do1 * -0.5 + v_do2 * 0.8  # -0.097610 - 0.156175 = -0.253785

# Tanh: dz = (1 - h²) dh
u_dz1 = (1 - u_h1**2) * u_dh1  # 0.990066 · -0.529510 = -0.524250
u_dz2 = (1 - u_h2**2) * u_dh2  # 0.486917 · 0.430227 = 0.209485
v_dz1 = (1 - v_h1**2) * v_dh1  # 0.822001 · 0.312351 = 0.256753
v_dz2 = (1 - v_h2**2) * v_dh2  # 0.990066 · -0.253785 = -0.251264

# Linear 1: dW1 = dzᵀ x, db1 = Σ dz; dx = dz W1
DW1 = [
    [u_dz1 * 1 + v_dz1 * -1, u_dz1 * 2 + v_dz1 * 0.5],  # = -0.781003, -0.920124
    [u_dz2 * 1 + v_dz2 * -1, u_dz2 * 2 + v_dz2 * 0.5],  # = 0.460749, 0.293338
]
DB1 = [u_dz1 + v_dz1, u_dz2 + v_dz2]  # = -0.267498, -0.041779
DX = [
    [u_dz1 * 0.5 + u_dz2 * 0.2, u_dz1 * -0.3 + u_dz2 * 0.4],  # = -0.220228, 0.241069
    [v_dz1 * 0.5 + v_dz2 * 0.2, v_dz1 * -0.3 + v_dz2 * 0.4],  # = 0.078124, -0.177531
]

# SGD at learning rate 0.5: w - 0.5 dw
NEW_W1 = [
    [0.5 - 0.5 * DW1[0][0], -0.3 - 0.5 * DW1[0][1]],  # = 0.890501, 0.160062
    [0.2 - 0.5 * DW1[1][0], 0.4 - 0.5 * DW1[1][1]],  # = -0.030374, 0.253331
]
NEW_B1 = [0.2 - 0.5 * DB1[0], -0.1 - 0.5 * DB1[1]]  # = 0.333749, -0.079111
NEW_W2 = [
    [1.0 - 0.5 * DW2[0][0], -0.5 - 0.5 * DW2[0][1]],  # = 1.057674, -0.371744
    [-0.6 - 0.5 * DW2[1][0], 0.8 - 0.5 * DW2[1][1]],  # = -0.657674, 0.671744
]
NEW_B2 = [0.05 - 0.5 * DB2[0], -0.05 - 0.5 * DB2[1]]  # = 0.117862, -0.117862


def net_on_paper() -> hg.Net:
    first, second = hg.Linear(2, 2, dtype=np.float64), hg.Linear(2, 2, dtype=np.float64)
    first.W, first.b, second.W, second.b = map(np.array, (W1, B1, W2, B2))
    return hg.Net(first, hg.Tanh(), second, hg.Softmax())


def equals(found: Any, on_paper: Any) -> None:
    np.testing.assert_allclose(found, on_paper, rtol=1e-13)


def after_one_step(net: hg.Net) -> None:
    first, _, second, _ = net.layers
    equals(first.W, NEW_W1)
    equals(first.b, NEW_B1)
    equals(second.W, NEW_W2)
    equals(second.b, NEW_B2)


def test_forward_layer_by_layer_gives_the_numbers_on_paper() -> None:
    first, activation, second, softmax = net_on_paper().layers
    z = first.forward(X)
    equals(z, [[u_z1, u_z2], [v_z1, v_z2]])
    h = activation.forward(z)
    equals(h, [[u_h1, u_h2], [v_h1, v_h2]])
    o = second.forward(h)
    equals(o, [[u_o1, u_o2], [v_o1, v_o2]])
    equals(softmax.forward(o), [[u_p1, u_p2], [v_p1, v_p2]])


def test_the_loss_is_the_one_on_paper_from_probabilities_and_from_logits() -> None:
    p, o = np.array([[u_p1, u_p2], [v_p1, v_p2]]), np.array([[u_o1, u_o2], [v_o1, v_o2]])
    from_probabilities, from_logits = hg.CrossEntropyLoss(), hg.SoftmaxCrossEntropyLoss()
    equals(from_probabilities.forward(p, Y), loss_of_both)
    equals(from_logits.forward(o, Y), loss_of_both)
    equals(from_probabilities.backward(), [[u_dp1, u_dp2], [v_dp1, v_dp2]])
    equals(from_logits.backward(), [[u_do1, u_do2], [v_do1, v_do2]])


def test_backward_layer_by_layer_gives_the_numbers_on_paper() -> None:
    net, loss = net_on_paper(), hg.CrossEntropyLoss()
    first, activation, second, softmax = net.layers
    assert float(loss.forward(net.forward(X), Y)) == pytest.approx(loss_of_both, rel=1e-13)
    do = softmax.backward(loss.backward())
    equals(do, [[u_do1, u_do2], [v_do1, v_do2]])
    dh = second.backward(do)
    equals(dh, [[u_dh1, u_dh2], [v_dh1, v_dh2]])
    equals(second.dW, DW2)
    equals(second.db, DB2)
    dz = activation.backward(dh)
    equals(dz, [[u_dz1, u_dz2], [v_dz1, v_dz2]])
    equals(first.backward(dz), DX)
    equals(first.dW, DW1)
    equals(first.db, DB1)


def test_one_update_gives_the_weights_on_paper() -> None:
    net, loss = net_on_paper(), hg.CrossEntropyLoss()
    loss.forward(net.forward(X), Y)
    equals(net.backward(loss.backward()), DX)
    net.update(LEARNING_RATE)
    after_one_step(net)


def test_one_epoch_of_train_gives_the_weights_on_paper() -> None:
    net = net_on_paper()
    sgd = hg.SGD(LEARNING_RATE)
    (report,) = hg.train(net, (X, Y), loss=hg.CrossEntropyLoss(), optimizer=sgd, epochs=1)
    assert report.train_loss == pytest.approx(loss_of_both, rel=1e-13)
    after_one_step(net)

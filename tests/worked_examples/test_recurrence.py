"""Two steps of each recurrence on paper: each number is worked out in the comment beside it."""

from math import atanh, log
from typing import Any

import numpy as np

import handgrad as hg


def equals(found: Any, on_paper: Any) -> None:
    np.testing.assert_allclose(found, on_paper, rtol=1e-13)


def test_rnn() -> None:
    rnn: Any = hg.layers.RNN(1, 1, dtype=np.float64)
    rnn.W, rnn.U = [[1]], [[2]]
    # h = tanh log 2 = (4 - 1)/(4 + 1) = 3/5, then tanh(log 3 - 6/5 + 2·3/5) = (9 - 1)/(9 + 1) = 4/5
    x = np.array([[[log(2)], [log(3) - 6 / 5]]])
    equals(rnn.forward(x), [[4 / 5]])
    # (1 - 16/25)·25 = 9, before it (1 - 9/25)·2·9 = 11.52
    equals(rnn.backward(np.array([[25.0]])), [[[11.52], [9]]])
    equals(rnn.dW, [[11.52 * log(2) + 9 * (log(3) - 6 / 5)]])
    equals(rnn.dU, [[5.4]])  # 11.52·0 + 9·3/5
    equals(rnn.db, [20.52])
    equals(rnn.dv, [20.52])


def test_rnn_with_a_gradient_for_every_step() -> None:
    rnn: Any = hg.layers.RNN(1, 1, return_sequences=True, dtype=np.float64)
    rnn.W, rnn.U = [[1]], [[2]]
    x = np.array([[[log(2)], [log(3) - 6 / 5]]])
    equals(rnn.forward(x), [[[3 / 5], [4 / 5]]])
    # (1 - 16/25)·25 = 9, before it (1 - 9/25)·(7 + 2·9) = 16
    equals(rnn.backward(np.array([[[7.0], [25.0]]])), [[[16], [9]]])


def test_gru() -> None:
    gru: Any = hg.GRU(1, 1, dtype=np.float64)
    gru.W, gru.U = [[0], [0], [1]], [[0], [0], [2]]
    gru.b = [log(3), -log(3), 0]  # r = 1/(1 + 1/3) = 3/4, z = 1/(1 + 3) = 1/4
    # n = tanh log 2 = 3/5,                      h = 3/4·3/5 + 1/4·0 = 9/20, then
    # n = tanh(log 3 - 27/40 + 3/4·2·9/20) = 4/5, h = 3/4·4/5 + 1/4·9/20 = 57/80
    equals(gru.forward(np.array([[[log(2)], [log(3) - 27 / 40]]])), [[57 / 80]])
    dx = gru.backward(np.array([[400.0]]))
    # dn = 3/4·400 = 300, (1 - 16/25)·300 = 108;   dz = (9/20 - 4/5)·400 = -140, 3/16·-140 = -26.25
    # dr = 9/10·108 = 97.2, 3/16·97.2 = 18.225;    of what U gives 3/4·108 = 81
    # before: dh = 1/4·400 + 2·81 = 262
    # dn = 3/4·262 = 196.5, (1 - 9/25)·196.5 = 125.76;   dz = -3/5·262, 3/16·dz = -29.475;   dr = 0
    equals(dx, [[[125.76], [108]]])
    equals(gru.db, [18.225, -26.25 - 29.475, 108 + 125.76])
    equals(gru.dv, [18.225, -26.25 - 29.475, 81 + 3 / 4 * 125.76])
    equals(gru.dU[:, 0], [18.225 * 9 / 20, -26.25 * 9 / 20, 81 * 9 / 20])  # the first h is 0
    equals(gru.dW[2], [125.76 * log(2) + 108 * (log(3) - 27 / 40)])


def test_lstm() -> None:
    lstm: Any = hg.LSTM(1, 1, dtype=np.float64)
    q = log(2)
    lstm.W, lstm.U = [[0], [0], [1], [0]], [[0], [0], [2], [0]]
    lstm.b = [log(3), -log(3), 0, log(3)]  # i = o = 3/4, f = 1/4
    # g = 4/3 q, c = 1/4·0 + 3/4·4/3 q = q, h = 3/4·tanh q = 3/4·3/5 = 9/20, then
    # g = tanh(atanh q - 0.9 + 2·9/20) = q, c = 1/4 q + 3/4 q = q, h = 9/20
    equals(lstm.forward(np.array([[[atanh(4 / 3 * q)], [atanh(q) - 0.9]]])), [[9 / 20]])
    dx = lstm.backward(np.array([[80.0]]))
    # do = 3/5·80 = 48, 3/16·48 = 9;   dc = (1 - 9/25)·3/4·80 = 38.4
    # di = df = q·38.4, 3/16·di = 7.2 q;   dg = 3/4·38.4 = 28.8, of the sum (1 - q²)·28.8
    # before: dh = 2·(1 - q²)·28.8 = 57.6 (1 - q²), do = 3/5·dh, 3/16·do = 6.48 (1 - q²)
    # dc = 1/4·38.4 + (1 - 9/25)·3/4·dh = 9.6 + 27.648 (1 - q²)
    # di = 4/3 q dc, 3/16·di = q/4 dc;   df = 0·dc;   dg = 3/4 dc, of the sum (1 - 16/9 q²) 3/4 dc
    dc = 9.6 + 27.648 * (1 - q**2)
    first, second = (1 - 16 / 9 * q**2) * 3 / 4 * dc, (1 - q**2) * 28.8
    equals(dx, [[[first], [second]]])
    equals(lstm.db, [7.2 * q + q / 4 * dc, 7.2 * q, first + second, 9 + 6.48 * (1 - q**2)])
    equals(lstm.dv, lstm.db)
    equals(lstm.dU[:, 0], [7.2 * q * 9 / 20, 7.2 * q * 9 / 20, second * 9 / 20, 9 * 9 / 20])

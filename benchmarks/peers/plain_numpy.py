"""Plain NumPy, as the notes that handgrad grew from write a net and its loop, in float32."""

from typing import Any

import numpy as np

from benchmarks.cases import Case
from benchmarks.peers import NotOffered, Run


class Linear:
    def __init__(self, W: Any, b: Any) -> None:
        self.W, self.b = W, b

    def forward(self, x: Any) -> Any:
        self.x = x
        return np.dot(x, self.W.T) + self.b

    def backward(self, dz: Any) -> Any:
        dx = np.dot(dz, self.W)
        self.dW = np.dot(dz.T, self.x)
        self.db = dz.sum(axis=0)
        return dx

    def update(self, lr: float) -> None:
        self.W -= lr * self.dW
        self.b -= lr * self.db


class Tanh:
    def forward(self, x: Any) -> Any:
        self.y = np.tanh(x)
        return self.y

    def backward(self, dy: Any) -> Any:
        return (1.0 - self.y**2) * dy


class ReLU:
    def forward(self, x: Any) -> Any:
        self.x = x
        return np.maximum(x, 0)

    def backward(self, dy: Any) -> Any:
        return dy * (self.x > 0)


class Softmax:
    def forward(self, z: Any) -> Any:
        self.z = z
        zmax = z.max(axis=1, keepdims=True)
        expz = np.exp(z - zmax)
        return expz / expz.sum(axis=1, keepdims=True)

    def backward(self, dp: Any) -> Any:
        p = self.forward(self.z)
        pdp = p * dp
        return pdp - p * pdp.sum(axis=1, keepdims=True)


class CrossEntropyLoss:
    def forward(self, p: Any, y: Any) -> Any:
        self.p, self.y = p, y
        return -np.log(p[np.arange(len(y)), y]).mean()

    def backward(self, loss: Any) -> Any:
        dlog_softmax = np.zeros_like(self.p)
        dlog_softmax[np.arange(len(self.y)), self.y] -= 1.0 / len(self.y)
        return dlog_softmax / self.p


class Net:
    def __init__(self) -> None:
        self.layers: list[Any] = []

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, z: Any) -> Any:
        for layer in self.layers[::-1]:
            z = layer.backward(z)
        return z

    def update(self, lr: float) -> None:
        for layer in self.layers:
            if "update" in layer.__dir__():
                layer.update(lr)


def net_of(case: Case) -> Net:
    net = Net()
    for W, b in case.weights():
        if net.layers:
            net.layers.append({"tanh": Tanh, "relu": ReLU}[case.activation]())
        net.layers.append(Linear(W, b))
    net.layers.append(Softmax())
    return net


def training(case: Case, optimizer: str) -> Run:
    """The notes' loop over minibatches, its rows in a new order each epoch."""
    if optimizer != "SGD" or case.targets != "classes":
        raise NotOffered("the notes have SGD and the cross-entropy only")
    (x, y), orders, net, loss = case.data(), case.orders(), net_of(case), CrossEntropyLoss()

    def run(epochs: int) -> float:
        for _ in range(epochs):
            order, total = next(orders), 0.0
            x_epoch, y_epoch = x[order], y[order]
            for i in range(0, len(x), case.batch_size):
                xb, yb = x_epoch[i : i + case.batch_size], y_epoch[i : i + case.batch_size]
                p = net.forward(xb)
                value = loss.forward(p, yb)
                dp = loss.backward(value)
                net.backward(dp)
                net.update(case.learning_rate)
                total += value * len(xb)
        return float(total / len(x))

    return run


def prediction(case: Case, rows: int) -> Run:
    """The arithmetic alone, in as few lines as NumPy needs."""
    weights, x = case.weights(), case.data()[0][:rows]
    (W1, b1), (W2, b2) = weights

    def predict(x: Any) -> Any:
        z = np.maximum(x @ W1.T + b1, 0) @ W2.T + b2
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def run(times: int) -> Any:
        for _ in range(times):
            p = predict(x)
        return p

    return run

"""A user's script, of what README shows and one layer of one's own; type checkers read it."""

import numpy as np

import handgrad as hg
from handgrad import MLPClassifier


class Scale(hg.Layer):
    """y = s x      dx = s dy      ds = x dy summed over the batch."""

    param_names = ("s",)

    def __init__(self, n: int) -> None:
        super().__init__()
        self.s = np.ones(n)

    def forward(self, x: hg.layers.Array) -> hg.layers.Array:
        self.x = x
        return self.s * x

    def backward(self, dy: hg.layers.Array) -> hg.layers.Array:
        self.ds = (self.x * dy).sum(axis=0)
        return self.s * dy


x, y = hg.data.make_spirals(400, noise=0.05, rng=0)
net = hg.Net(Scale(2), hg.Linear(2, 32, rng=0), hg.layers.Mish(), hg.Linear(32, 2, rng=1))
loss = hg.losses.LabelSmoothingCrossEntropyLoss(0.05)
assert hg.check_gradients(net, loss=loss)
losses: list[float] = []
for report in hg.train(net, (x, y), loss=loss, optimizer=hg.Adam(0.01), epochs=20, rng=0):
    losses.append(report.train_loss)
history: hg.training.History = hg.fit(net, (x, y), loss=loss, optimizer=hg.SGD(0.1), epochs=2)
figure = hg.plots.plot_confusion_matrix(net, x, y).figure
model = MLPClassifier(hidden_layer_sizes=(8,), max_iter=5, random_state=0)
try:
    hg.load("no such file.safetensors")
except hg.errors.FileError as error:
    print(len(history), losses[-1] < losses[0], error.hint)

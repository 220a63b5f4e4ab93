"""The course notes as they were written: their cells run, with handgrad's classes for theirs.

Left out are their own definitions of what is imported here. `rng` and `dtype` are said once.
"""

import re
from typing import Any

import matplotlib
import numpy as np
import pytest

import handgrad as hg
from handgrad.learn.story.runner import run_block

IMPORTS = """
import matplotlib.pyplot as plt
from sklearn.datasets import make_classification
import numpy as np
from handgrad import Linear, Softmax, Tanh, CrossEntropyLoss, Net, plot_dataset
from handgrad import plot_loss_functions, train_and_plot
from handgrad import plot_cross_entropy as plot_cross_ent
np.random.seed(0)
"""

CELLS = [
    ("""
n = 100
X, Y = make_classification(n_samples = n, n_features=2, n_redundant=0, n_informative=2, flip_y=0.2)
X = X.astype(np.float32)
Y = Y.astype(np.int32)
train_x, test_x = np.split(X, [n*8//10])
train_labels, test_labels = np.split(Y, [n*8//10])
""", ""),
    ("""
plot_dataset('Scatterplot of the training data', train_x, train_labels)
plt.show()
print(train_x[:5])
""", """
[[ 1.3382818  -0.98613256]
 [ 0.5128146   0.43299454]
 [-0.4473693  -0.2680512 ]
 [-0.9865851  -0.28692   ]
 [-1.0693829   0.41718036]]
"""),
    ("print(train_labels[:5])", "[1 1 0 0 0]"),
    (r"""
x = np.linspace(-2, 2, 101)
plot_loss_functions(
    suptitle = 'Common loss functions for regression',
    functions = [np.abs(x), np.power(x, 2)],
    ylabels = [r'$\mathcal{L}_{abs}$ (absolute loss)', r'$\mathcal{L}_{sq}$ (squared loss)'],
    xlabel = '$y - f(x_i)$', x=x)
plt.show()
""", ""),
    ("plot_cross_ent()\nplt.show()", ""),
    ("""
net = Linear(2,2)
net.forward(train_x[0:5])
""", """
array([[ 1.77202116, -0.25384488],
       [ 0.28370828, -0.39610552],
       [-0.30097433,  0.30513182],
       [-0.8120485 ,  0.56079421],
       [-1.23519653,  0.3394973 ]])
"""),
    ("""
softmax = Softmax()
softmax.forward(net.forward(train_x[0:10]))
""", """
array([[0.88348621, 0.11651379], [0.66369714, 0.33630286], [0.35294795, 0.64705205],
       [0.20216095, 0.79783905], [0.17154828, 0.82845172], [0.24279153, 0.75720847],
       [0.18915732, 0.81084268], [0.17282951, 0.82717049], [0.13897531, 0.86102469],
       [0.72746882, 0.27253118]])
"""),
    ("""
cross_ent_loss = CrossEntropyLoss()
p = softmax.forward(net.forward(train_x[0:10]))
print(cross_ent_loss.forward(p,train_labels[0:10]))
""", "1.429664938969559"),
    ("""
z = net.forward(train_x[0:10])
p = softmax.forward(z)
loss = cross_ent_loss.forward(p,train_labels[0:10])
print(loss)
""", "1.429664938969559"),
    ("""
lin = Linear(2,2)
softmax = Softmax()
cross_ent_loss = CrossEntropyLoss()
learning_rate = 0.1
pred = np.argmax(lin.forward(train_x),axis=1)
acc = (pred==train_labels).mean()
print("Initial accuracy: ",acc)
""", "Initial accuracy:  0.725"),
    ("""
batch_size=4
for i in range(0,len(train_x),batch_size):
    xb = train_x[i:i+batch_size]
    yb = train_labels[i:i+batch_size]
    # forward pass
    z = lin.forward(xb)
    p = softmax.forward(z)
    loss = cross_ent_loss.forward(p,yb)
    # backward pass
    dp = cross_ent_loss.backward(loss)
    dz = softmax.backward(dp)
    dx = lin.backward(dz)
    lin.update(learning_rate)
pred = np.argmax(lin.forward(train_x),axis=1)
acc = (pred==train_labels).mean()
print("Final accuracy: ",acc)
""", "Final accuracy:  0.825"),
    ("""
net = Net()
net.add(Linear(2,2))
net.add(Softmax())
loss = CrossEntropyLoss()
def get_loss_acc(x,y,loss=CrossEntropyLoss()):
    p = net.forward(x)
    l = loss.forward(p,y)
    pred = np.argmax(p,axis=1)
    acc = (pred==y).mean()
    return l,acc
print("Initial loss={}, accuracy={}: ".format(*get_loss_acc(train_x,train_labels)))
""", "Initial loss=0.6212072429381601, accuracy=0.6875: "),
    ("""
def train_epoch(net, train_x, train_labels, loss=CrossEntropyLoss(), batch_size=4, lr=0.1):
    for i in range(0,len(train_x),batch_size):
        xb = train_x[i:i+batch_size]
        yb = train_labels[i:i+batch_size]
        p = net.forward(xb)
        l = loss.forward(p,yb)
        dp = loss.backward(l)
        dx = net.backward(dp)
        net.update(lr)
train_epoch(net,train_x,train_labels)
print("Final loss={}, accuracy={}: ".format(*get_loss_acc(train_x,train_labels)))
""", "Final loss=0.44369925927417986, accuracy=0.8: "),
    ("""
print("Test loss={}, accuracy={}: ".format(*get_loss_acc(test_x,test_labels)))
""", "Test loss=0.4767711377257787, accuracy=0.85: "),
    ("""
net = Net()
net.add(Linear(2,2))
net.add(Softmax())
res = train_and_plot(30,net,(train_x,train_labels),(test_x,test_labels),lr=0.005,to=gif)
""", ""),
    ("print(get_loss_acc(train_x,train_labels)[0])", "0.43441559747316266"),
    ("print(res['training_loss'][-1], res['validation_loss'][-1])",
     "0.43441559747316266 0.4605452208371819"),
    ("""
net = Net()
net.add(Linear(2,10))
net.add(Tanh())
net.add(Linear(10,2))
net.add(Softmax())
loss = CrossEntropyLoss()
res = train_and_plot(30,net,(train_x,train_labels),(test_x,test_labels),lr=0.01,to=gif)
print(res['training_loss'][-1], res['training_accuracy'][-1], res['validation_accuracy'][-1])
""", "0.40569967377045246 0.85 0.85"),
]  # fmt: skip
NUMBER = re.compile(r"-?\d+(?:\.\d*)?(?:e[+-]?\d+)?")


@pytest.mark.slow
def test_every_cell_of_the_notes_prints_what_it_printed(tmp_path: Any) -> None:
    matplotlib.use("agg")
    notes: dict[str, Any] = {"gif": tmp_path / "training.gif"}
    state = np.random.get_state()
    try:
        run_block(IMPORTS, notes)
        with hg.defaults(rng=np.random, dtype=np.float64):
            for code, expected in CELLS:
                printed = run_block(code, notes).printed
                words = [NUMBER.sub("#", re.sub(r"\s", "", text)) for text in (printed, expected)]
                if expected:
                    assert words[0] == words[1]
                    found = [float(number) for number in NUMBER.findall(printed)]
                    assert found == as_printed(expected), code
    finally:
        np.random.set_state(state)
        notes["plt"].close("all")


def as_printed(text: str) -> list[Any]:
    """Its numbers: to the last of sixteen digits or so, or within the last of fewer."""
    found = []
    for number in NUMBER.findall(text):
        digits = len(number.partition(".")[2])
        many = digits > 12
        near, last = 1e-12 * many, 1.01 * 10.0**-digits * (not many)
        found.append(pytest.approx(float(number), rel=near, abs=last))
    return found

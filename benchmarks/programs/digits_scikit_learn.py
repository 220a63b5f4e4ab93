"""Digits, 20 epochs, scikit-learn."""

import warnings

from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

x, y = load_digits(return_X_y=True)
x = (x / 16).astype("float32")
model = MLPClassifier(
    (100,),
    solver="sgd",
    batch_size=32,
    learning_rate_init=0.1,
    momentum=0,
    alpha=0,
    max_iter=20,
    random_state=0,
)
warnings.simplefilter("ignore")
model.fit(x, y)
print(model.score(x, y))

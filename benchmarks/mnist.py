"""Held-out accuracy on the 5 000 digits of MNIST, five times: `python -m benchmarks.mnist`.

Five splits hold a fifth out each, and the number of one is the seed of all that is drawn. All is
held to one core, and seconds are those of the processor.
"""

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

import handgrad as hg
from benchmarks.held import Held
from benchmarks.part import markdown

SEEDS = range(5)
MODELS: dict[str, Callable[[int], Any]] = {
    '`hg.PictureClassifier(max_iter=20, learning_rate="cosine")`': lambda seed: (
        hg.PictureClassifier(max_iter=20, learning_rate="cosine", random_state=seed)
    ),
    "the same, with `shift=0`": lambda seed: hg.PictureClassifier(
        max_iter=20, learning_rate="cosine", shift=0, random_state=seed
    ),
    "`hg.MLPClassifier()`": lambda seed: hg.MLPClassifier(random_state=seed),
    "scikit-learn's `MLPClassifier()`": lambda seed: MLPClassifier(random_state=seed),
    "scikit-learn's `SVC()`": lambda seed: SVC(),
    "the same, `C` of 1, 3, 10, 30 chosen by three folds": lambda seed: GridSearchCV(
        SVC(), {"C": [1, 3, 10, 30]}, cv=3
    ),
}


def main() -> None:
    """Print a line for each fit, and then the table."""
    digits, rows = hg.data.load("mnist"), []
    warnings.simplefilter("ignore", ConvergenceWarning)  # 20 epochs are all that is wanted
    for name, make in MODELS.items():
        found = []
        for seed in SEEDS:
            x, x_test, y, y_test = hg.data.train_test_split(
                (digits.x / 255).astype(np.float32), digits.y, stratify=True, rng=seed
            )
            began = time.process_time()
            model = make(seed).fit(x, y)
            seconds = time.process_time() - began
            found.append((100 * np.mean(model.predict(x_test) == y_test), seconds))
            print(f"{name}, seed {seed}: {found[-1][0]:.1f} %, {seconds:.1f} s", flush=True)
        right, seconds = np.transpose(found)
        spread = f"{right.mean():.1f} ± {right.std(ddof=1):.1f}"
        rows.append((name, spread, f"{right.min():.1f}", f"{np.median(seconds):.0f}"))
    head = ("model", "right, %, mean ± deviation", "worst", "seconds of training")
    print("\n" + markdown(head, rows))


if __name__ == "__main__":
    with Held(1).pinned():
        main()

"""Calibration of picture classifiers on few and on all digits: `python -m benchmarks.calibration`.

Five of scikit-learn's splits hold 360 of the digits out, stratified by class or not, and the number
of one is the seed of all that is drawn. The temperature is fitted to the validation rows of early
stopping, which are training digits. All is held to one core.
"""

import warnings
from itertools import product

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

import handgrad as hg
from benchmarks.held import Held
from benchmarks.part import markdown
from handgrad.textbook.layers import Array

SEEDS, SIZES = range(5), (300, 1437)
N_TEST, BINS = 360, 15


def without_temperature(p: Array, temperature: float) -> Array:
    """Probabilities (n, n_classes) of the logits before they were divided by the temperature."""
    powers = p**temperature
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def calibration_error(p: Array, y: Array) -> float:
    """Expected calibration error, of predicted classes in bins of equal width."""
    confidence, right = p.max(axis=1), p.argmax(axis=1) == y
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, right - confidence, BINS)
    return float(np.abs(gaps).sum() / len(y))


def main() -> None:
    """Print a line for each fit, and then the table."""
    digits, rows = hg.data.load("digits"), []
    warnings.simplefilter("ignore", ConvergenceWarning)
    for n, (split, strata) in product(SIZES, {"stratified": digits.y, "random": None}.items()):
        found = []
        for seed in SEEDS:
            x, x_test, y, y_test = train_test_split(
                digits.x / 16, digits.y, test_size=N_TEST, random_state=seed, stratify=strata
            )
            model = hg.PictureClassifier(early_stopping=True, random_state=seed).fit(x[:n], y[:n])
            after = model.predict_proba(x_test).astype(float)
            before = without_temperature(after, model.temperature_)
            losses = [hg.metrics.log_loss(p, y_test) for p in (before, after)]
            errors = [calibration_error(p, y_test) for p in (before, after)]
            found.append([model.temperature_, *losses, *errors])
            print(n, split, seed, *(f"{value:.3f}" for value in found[-1]), flush=True)
        t, *others = np.mean(found, axis=0)
        rows.append((f"{n:,}", split, f"{t:.2f}", *(f"{value:.3f}" for value in others)))
    head = ("training digits", "split", "temperature", "log loss before", "after")
    print("\n" + markdown((*head, "calibration error before", "after"), rows))


if __name__ == "__main__":
    with Held(1).pinned():
        main()

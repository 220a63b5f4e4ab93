"""Concordance beside a Cox model, on tables that lifelines ships: `python -m benchmarks.survival`.

Needs lifelines, which handgrad does not: `pip install lifelines`. Five random splits, 30 % of the
rows held out. The Cox model is lifelines' `CoxPHFitter` with its defaults, of one-hot categories
without the first. Settings of handgrad were chosen on validation rows of other splits of rossi and
gbsg2, and of whas500, which scikit-survival ships; kidney_transplant was not looked at.
"""

import warnings

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter
from lifelines.datasets import load_gbsg2, load_kidney_transplant, load_rossi

import handgrad as hg

SPLITS, HELD_OUT = 5, 0.3
# Columns of the time and of the event, by table.
TABLES = {
    "rossi": (load_rossi, "week", "arrest"),
    "gbsg2": (load_gbsg2, "time", "cens"),
    "kidney_transplant": (load_kidney_transplant, "time", "death"),
}


def concordances(table: pd.DataFrame, time: str, event: str, split: int) -> dict[str, float]:
    """Concordance index of each model on the held-out rows of a split."""
    order = np.random.default_rng(split).permutation(len(table))
    held, learned = np.split(order, [int(HELD_OUT * len(order))])
    y = np.where(table[event] == 1, table[time], -table[time])
    X = table.drop(columns=[time, event])
    net = hg.TabularSurvival(random_state=split).fit(X.iloc[learned], y[learned])
    coded = pd.get_dummies(table, drop_first=True, dtype=float)
    cox = CoxPHFitter().fit(coded.iloc[learned], time, event)
    return {
        "handgrad": net.score(X.iloc[held], y[held]),
        "Cox": hg.metrics.concordance_index(
            -cox.predict_partial_hazard(coded.iloc[held]).to_numpy(), y[held]
        ),
    }


def main() -> None:
    """Print a line for each table: the mean over the splits, and the standard deviation."""
    for name, (load, time, event) in TABLES.items():
        table = load()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of values beyond those of the training rows
            found = pd.DataFrame(
                [concordances(table, time, event, split) for split in range(SPLITS)]
            )
        better = (found["handgrad"] > found["Cox"]).sum()
        figures = ", ".join(f"{m} {found[m].mean():.3f} ± {found[m].std():.3f}" for m in found)
        said = f"{name}, {len(table)} rows, {table[event].sum()} events: {figures}"
        print(f"{said}; better than Cox in {better} of {SPLITS}", flush=True)


if __name__ == "__main__":
    main()

"""NaN and infinity that are there before anything is computed: in the rows, in the weights."""

import numpy as np

from handgrad.doctor.calls import finite, per_row
from handgrad.doctor.findings import Finding
from handgrad.net import Net
from handgrad.net.minibatches import Inputs
from handgrad.net.watch import places


def not_finite_rows(rows: Inputs, what: str) -> Finding | None:
    """NaN or infinity among the inputs or the targets, as they came."""
    for part in rows if isinstance(rows, tuple) else (rows,):
        if part.dtype.kind != "f" or finite(part):
            continue
        bad = ~np.isfinite(per_row(part) if part.ndim else part.reshape(1, 1))
        row, column = np.argwhere(bad)[0]
        return Finding(
            "not finite",
            what,
            f"NaN or infinity in {bad.any(axis=1).sum()} of {len(bad)} rows, first in row {row}, "
            f"column {column}, counted from 0",
            "drop those rows, x[np.isfinite(x).all(axis=1)], or fill in the mean of the column",
        )
    return None


def not_finite_weights(net: Net) -> Finding | None:
    """A parameter or a running state that is not finite."""
    for where, layer in (*places(net), (type(net).__name__, net)):
        for name in (*layer.param_names, *layer.state_names):
            array = getattr(layer, name)
            bad = int((~np.isfinite(array)).sum())
            if bad:
                return Finding(
                    "not finite",
                    where,
                    f"{bad} of {array.size} numbers in {name} are NaN or infinite before "
                    "anything is computed",
                    "make the net anew; hg.train leaves it with the weights of the last epoch "
                    "that was whole",
                )
    return None

"""Training in one call: a net, many nets side by side, and curves of what came of them."""

from handgrad.fitting.curves import capacity_curve, learning_curve
from handgrad.fitting.fit import fit
from handgrad.fitting.fit_many import fit_many

__all__ = ["capacity_curve", "fit", "fit_many", "learning_curve"]

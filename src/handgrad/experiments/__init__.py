"""Experiments: many nets trained side by side, and curves of what came of them."""

from handgrad.experiments.curves import capacity_curve, learning_curve
from handgrad.experiments.fit_many import fit_many

__all__ = ["capacity_curve", "fit_many", "learning_curve"]

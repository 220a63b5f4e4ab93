"""Model inspection: permutation importance and partial dependence on raw tables."""

from handgrad.tables.inspection.dependence import partial_dependence
from handgrad.tables.inspection.importance import permutation_importance

__all__ = ["partial_dependence", "permutation_importance"]

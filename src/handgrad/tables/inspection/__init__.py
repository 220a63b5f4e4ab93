"""Model inspection: importance, partial dependence and contributions on raw tables."""

from handgrad.tables.inspection.contributions import contributions
from handgrad.tables.inspection.dependence import partial_dependence
from handgrad.tables.inspection.importance import permutation_importance

__all__ = ["contributions", "partial_dependence", "permutation_importance"]

"""How a fitted model uses its columns, by scikit-learn, for tables as they come."""

from handgrad.tables.inspection.dependence import partial_dependence
from handgrad.tables.inspection.importance import permutation_importance

__all__ = ["partial_dependence", "permutation_importance"]

"""Each line of a net's pages with the numbers of some rows: forward, backward and update."""

from handgrad.explaining.explain import explain
from handgrad.explaining.explanation import Explanation
from handgrad.explaining.steps import Step

__all__ = ["Explanation", "Step", "explain"]

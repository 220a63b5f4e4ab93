"""Each line of a net's pages with the numbers of some rows: forward, backward and update."""

from handgrad.learn.explaining.explain import explain
from handgrad.learn.explaining.explanation import Explanation
from handgrad.learn.explaining.steps import Step

__all__ = ["Explanation", "Step", "explain"]

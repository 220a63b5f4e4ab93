"""Explanations: each line of a net's layers with its numbers: forward, backward and update.

`traced_step` reads the traced graph of a step with the values of some rows; the optimizer's rule
joins it once for each parameter. Each number of a node is a `Term` (`terms`), which `elements`
builds by one recursion; it finds the
elements of moved arrays by moving their indices with the same NumPy call. `backtrace` follows one
number back.
"""

from handgrad.learn.explaining.explain import Explanation, explain
from handgrad.learn.explaining.steps import Step

__all__ = ["Explanation", "Step", "explain"]

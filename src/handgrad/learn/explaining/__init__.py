"""Each line of a net's pages with the numbers of some rows: forward, backward and update.

`traced_step` reads the traced graph of a step with the values of some rows; the optimizer's rule
joins it once for each parameter. Each number of a node is a `Term` (`terms`), which `elements`
builds by one recursion; `gather_indices` finds the elements of moved arrays by moving their
indices with the same NumPy call, `contractions` the terms of products and reductions. `backtrace`
follows one number back.
"""

from handgrad.learn.explaining.explain import explain
from handgrad.learn.explaining.explanation import Explanation
from handgrad.learn.explaining.steps import Step

__all__ = ["Explanation", "Step", "explain"]

"""A page as data: recorded from NumPy's own protocols, printed, and run again."""

from handgrad.graph.graph import Graph, Leaves, Outputs, interpret, values_of
from handgrad.graph.trace import trace

__all__ = ["Graph", "Leaves", "Outputs", "interpret", "trace", "values_of"]

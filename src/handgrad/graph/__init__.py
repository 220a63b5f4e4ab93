"""A page as data: recorded from NumPy's own protocols, printed, and run again."""

from handgrad.graph.graph import Graph
from handgrad.graph.interpreter import interpret
from handgrad.graph.trace import trace

__all__ = ["Graph", "interpret", "trace"]

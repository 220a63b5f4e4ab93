"""Computation graphs: traced through NumPy's array protocols, optimized, printed, interpreted."""

from handgrad.graph.graph import Graph, Leaves, Outputs, interpret, values_of
from handgrad.graph.trace import trace

__all__ = ["Graph", "Leaves", "Outputs", "interpret", "trace", "values_of"]

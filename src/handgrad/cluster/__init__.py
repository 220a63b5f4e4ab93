"""Trainings on several machines: workers of a Ray cluster share the shards of every batch."""

from handgrad.cluster.fitting import fit
from handgrad.cluster.joblib_backend import cluster

__all__ = ["cluster", "fit"]

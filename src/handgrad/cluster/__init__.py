"""Trainings on several machines: workers of a Ray cluster share the shards of every batch."""

from handgrad.cluster.fitting import fit, fit_estimator
from handgrad.cluster.joblib_backend import cluster

__all__ = ["cluster", "fit", "fit_estimator"]

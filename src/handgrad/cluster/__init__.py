"""Trainings on several machines: workers of a Ray cluster share the shards of every batch.

Every worker runs the same `Training` with the same settings and random streams. A `Sharding`
(`engines.sharding`) cuts each batch into shards and sums gradients, running state and loss over
all workers, each rounded to one power of 2, so that the sum is the same in any order. `fitting`
starts Ray Train through `connection` and `run`; the first worker sends reports to `report_actor`
and writes checkpoints. xgboost's collective (`collective`) adds up whole numbers.
"""

from handgrad.cluster.connection import cluster
from handgrad.cluster.fitting import fit, fit_estimator

__all__ = ["cluster", "fit", "fit_estimator"]

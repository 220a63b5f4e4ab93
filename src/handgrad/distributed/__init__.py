"""Trainings on several machines: workers of a Ray cluster share the shards of every batch."""

from handgrad.distributed.fitting import fit
from handgrad.distributed.many import cluster

__all__ = ["cluster", "fit"]

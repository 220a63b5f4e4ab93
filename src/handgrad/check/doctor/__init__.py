"""Diagnosis of trainings: problems with evidence and one thing to try for each."""

from handgrad.check.doctor.diagnose import diagnose, diagnosing, diagnosing_training
from handgrad.check.doctor.findings import Diagnosis, Finding

__all__ = ["Diagnosis", "Finding", "diagnose", "diagnosing", "diagnosing_training"]

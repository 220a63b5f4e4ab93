"""Proof that a derivative is right, and a doctor for trainings that go wrong."""

from handgrad.proof.doctor import Diagnosis, Finding, diagnose, diagnosing
from handgrad.proof.gradient_check import check_gradients
from handgrad.proof.gradient_report import GradientReport

__all__ = ["Diagnosis", "Finding", "GradientReport", "check_gradients", "diagnose", "diagnosing"]

"""The gradient check: proof that a derivative is right."""

from handgrad.proof.gradient_check import check_gradients
from handgrad.proof.gradient_report import GradientReport

__all__ = ["GradientReport", "check_gradients"]

"""The gradient check: proof that a derivative is right."""

from handgrad.check.gradient_check import check_gradients
from handgrad.check.gradient_report import GradientReport

__all__ = ["GradientReport", "check_gradients"]

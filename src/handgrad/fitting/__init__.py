"""Training with the usual adapters: one net in one call, or many nets at once."""

from handgrad.fitting.fit import fit
from handgrad.fitting.fit_many import fit_many

__all__ = ["fit", "fit_many"]

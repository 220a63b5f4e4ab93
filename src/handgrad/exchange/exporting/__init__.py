"""Models as files that run without handgrad: exporters by ending, each with its proof."""

from handgrad.exchange.exporting.proof import Check, Proof, compared
from handgrad.exchange.exporting.subject import Piece, Subject, subject_of
from handgrad.exchange.exporting.train_spec import Learning
from handgrad.exchange.exporting.writing import export

__all__ = ["Check", "Learning", "Piece", "Proof", "Subject", "compared", "export", "subject_of"]

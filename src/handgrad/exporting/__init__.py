"""Models as files that run without handgrad: exporters by ending, each with its proof."""

from handgrad.exporting.learning import Learning
from handgrad.exporting.proof import Check, Proof, compared
from handgrad.exporting.subject import Piece, Subject, subject_of
from handgrad.exporting.writing import export

__all__ = ["Check", "Learning", "Piece", "Proof", "Subject", "compared", "export", "subject_of"]

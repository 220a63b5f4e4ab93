"""Models as files that run without handgrad: exporters by ending, each with its proof."""

from handgrad.exporting.subject import Piece, Subject, subject_of

__all__ = ["Piece", "Subject", "subject_of"]

"""Models as files that run without handgrad: exporters by ending, each with its proof.

The ending chooses the format (`formats`); each writer takes a `Subject` (`subject`): one net
whose traced prediction is the whole answer, the columns of a table as data, and rows to prove the
file by (`examples`). Estimators give their own `Parts`. A file is written and run elsewhere, its
answers are compared (`proof`), and only then it is moved into place.
"""

from handgrad.exchange.exporting.proof import Check, Proof, compared
from handgrad.exchange.exporting.subject import Piece, Subject, subject_of
from handgrad.exchange.exporting.train_spec import Learning
from handgrad.exchange.exporting.writing import export

__all__ = ["Check", "Learning", "Piece", "Proof", "Subject", "compared", "export", "subject_of"]

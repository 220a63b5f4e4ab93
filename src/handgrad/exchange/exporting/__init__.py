"""Export of models to files that run without handgrad.

The file extension selects the format (`formats`); each exporter takes a `ModelSpec` (`model_spec`):
one net whose traced prediction is the complete output, the encoding of table columns as data, and
test rows (`examples`). Estimators provide their own `ModelParts`. A file is written to a temporary
folder and run on the test rows; its outputs are compared (`proof`) before it is moved into place.
"""

from handgrad.exchange.exporting.model_spec import ModelSpec, model_spec_of
from handgrad.exchange.exporting.proof import Check, Proof, compared
from handgrad.exchange.exporting.train_spec import TrainSpec
from handgrad.exchange.exporting.writing import export

__all__ = [
    "Check",
    "ModelSpec",
    "Proof",
    "TrainSpec",
    "compared",
    "export",
    "model_spec_of",
]

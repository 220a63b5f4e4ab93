"""Names what is wrong with a training, with evidence and one thing to try; quiet if all is well."""

from handgrad.proof.doctor.diagnose import diagnose
from handgrad.proof.doctor.diagnosing import diagnosing
from handgrad.proof.doctor.findings import Diagnosis, Finding

__all__ = ["Diagnosis", "Finding", "diagnose", "diagnosing"]

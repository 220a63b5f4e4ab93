"""Names what is wrong with a training, with evidence and one thing to try; quiet if all is well."""

from handgrad.doctor.diagnose import diagnose, diagnosing
from handgrad.doctor.findings import Diagnosis, Finding

__all__ = ["Diagnosis", "Finding", "diagnose", "diagnosing"]

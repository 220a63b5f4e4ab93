"""Where and how nets are trained whose bits are compared: each setting in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from handgrad.textbook.net.predictor import EngineName
from tests.bits.estimators import ESTIMATORS
from tests.processors import PROCESSORS, widest_kernel

ROOT = Path(__file__).parents[2]
# On other systems a few are enough: each call starts a program.
EMULATED = (
    *("layer Linear float32", "layer GELU float64", "layer BatchNorm float32"),
    *("layer Dropout float64", "layer TabularEmbedding float32", "loss FocalLoss float64"),
    *("optimizer clipped float32", "penalty ElasticNetPenalty float64"),
    *("net T float32", "net many rows float32", "net deep sums float64"),
)


@dataclass(frozen=True)
class Setting:
    """A processor, by LLVM's name, with the BLAS and the NumPy it would have; or this one.

    Another `system` is emulated.

    The work is cut for so many `cores`, into parts as small as can be where these are `small`.
    """

    name: str
    processor: str = ""
    system: str = ""
    kernel: str = ""
    cores: int = 0
    small: bool = False
    way: str = "whole"
    engine: EngineName = "compiled"

    def environment(self, cache: Path) -> dict[str, str]:
        """What a process is told; what nets are trained to there, it keeps in a folder."""
        told = {name: value for name, value in os.environ.items() if "OPENBLAS" not in name}
        told |= {"HANDGRAD_CACHE": str(cache), "PYTHONPATH": os.pathsep.join(sys.path)}
        if self.kernel:
            told["OPENBLAS_CORETYPE"] = self.kernel
        if self.processor in PROCESSORS:
            told["NPY_DISABLE_CPU_FEATURES"] = " ".join(beyond_avx2())
        return told

    def trains(self, name: str) -> bool:
        """Whether a net is trained here: on other systems a few, and estimators in one way."""
        if self.system:
            return name in EMULATED
        return self.way == "whole" or name not in ESTIMATORS

    def digests(self, names: Sequence[str], cache: Path) -> dict[str, dict[str, str]]:
        """The checksums of the nets of these names, as far as they are trained here."""
        if not (names := [name for name in names if self.trains(name)]):
            return {}
        command = [
            sys.executable,
            "-W",
            "ignore",
            "-m",
            "tests.bits.trained",
            json.dumps(vars(self)),
        ]
        done = subprocess.run(
            [*command, *names],
            cwd=ROOT,
            env=self.environment(cache),
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"{self.name}: exit status {done.returncode}. {done.stderr[-2000:]}")
        found: dict[str, dict[str, str]] = json.loads(done.stdout)
        return found


def beyond_avx2() -> list[str]:
    """What NumPy has loops for here, and had none on a processor with AVX2 alone."""
    known: dict[str, bool] = np._core._multiarray_umath.__cpu_features__  # type: ignore[attr-defined]
    dispatched = np._core._multiarray_umath.__cpu_dispatch__  # type: ignore[attr-defined]
    return [
        name for name in dispatched if known.get(name) and ("AVX512" in name or name == "X86_V4")
    ]


HERE = Setting("this processor")
SETTINGS = (
    Setting("AVX2", processor="haswell", kernel="Haswell"),
    Setting("AVX2, one core", processor="haswell", kernel="Nehalem", cores=1),
    Setting("AVX2, three cores", processor="haswell", kernel="Haswell", cores=3, small=True),
    Setting("one core", kernel=widest_kernel(), cores=1),
    Setting("two cores, small parts", kernel="Nehalem", cores=2, small=True),
    Setting("eight cores, small parts", kernel="Haswell", cores=8, small=True),
    Setting("ARM", system="ARM"),
    Setting("ARM, three cores, small parts", system="ARM", cores=3, small=True),
    Setting("Windows", system="Windows"),
    Setting("Windows, three cores, small parts", system="Windows", cores=3, small=True),
    Setting("streamed", way="streamed"),
    Setting("resumed", way="resumed"),
    Setting("side by side", way="side by side"),
    Setting("portable, SSE2", processor="x86-64", kernel="Nehalem", cores=1, engine="portable"),
    Setting("portable, AVX2", processor="haswell", cores=8, small=True, engine="portable"),
    Setting("portable, ARM", system="ARM", engine="portable"),
    Setting("portable, Windows", system="Windows", engine="portable"),
)

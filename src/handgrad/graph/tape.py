"""What one run of a page did, step by step, noted while NumPy computes it."""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from handgrad.base import functions
from handgrad.graph.nodes import Origin
from handgrad.graph.operations import Op
from handgrad.losses import weighting

# What is computed here is computed for the line of the page that asked for it.
PLUMBING = (
    *(f"{Path(file).parent}{os.sep}" for file in (__file__, np.__file__)),
    functions.__file__,
    weighting.__file__,
)


@dataclass(frozen=True)
class Step:
    """One operation of one run: as a Node, with the values of this batch size."""

    operation: Op
    arguments: tuple[Any, ...]
    options: dict[str, Any]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    origin: Origin


@dataclass
class Tape:
    """What one run of a page did, in order; `dtype` is the type of its numbers."""

    dtype: np.dtype[Any]
    paths: dict[int, str] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    def page(self) -> tuple[FrameType | None, Origin]:
        """The frame of the page that is running, and where it is."""
        frame: FrameType | None = sys._getframe(1)
        while frame and frame.f_code.co_filename.startswith(PLUMBING):
            frame = frame.f_back
        if frame is None:
            return None, Origin("", 0)
        line, owner = Origin(frame.f_code.co_filename, frame.f_lineno), frame
        while owner is not None:
            path = self.paths.get(id(owner.f_locals.get("self")))
            if path is not None:
                return frame, Origin(line.file, line.line, path, owner.f_code.co_name)
            owner = owner.f_back  # type: ignore[assignment]
        return frame, line

"""State of the training of an ensemble, from which another fit continues to the same bits."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.files.tensors import damaged, refused_as_damaged, shown
from handgrad.textbook.layers import Array
from handgrad.textbook.net import Net
from handgrad.training import Training
from handgrad.training.checkpoints import put_back, state_of

STATE = "the state of the training"
VALUES = {"step", "learning_rate", "streams"}


@dataclass(frozen=True)
class TrainingState:
    """State of a training after its last epoch.

    `arrays` has the weights of that epoch, the order of the rows and the state of the optimizer,
    `values` its step, the learning rate and the random streams, `split` the state of the random
    generator before it divided the rows among the members.
    """

    arrays: Mapping[str, Array]
    values: Mapping[str, Any]
    split: Mapping[str, object]

    @classmethod
    def of(cls, training: Training, split: Mapping[str, object]) -> "TrainingState":
        """State of a training between two epochs."""
        arrays, values = state_of(training)
        kept = {name: array.copy() for name, array in arrays.items()}
        return cls(kept, {name: values[name] for name in VALUES}, split)

    def put_into(self, training: Training) -> None:
        """Let a training that has not started continue from this state.

        Its schedule starts anew. The order of the rows does too, if they are not as many.
        """
        arrays = {**self.arrays}
        if len(arrays["order"]) != len(training.rows.order):
            arrays["order"] = training.rows.order
        with refused_as_damaged(STATE, "what a fit leaves"):
            put_back(training, arrays, {**self.values, "epoch": 0, "so_far": None})

    def described(self) -> dict[str, object]:
        """Values as JSON, for a file."""
        return {"values": self.values, "split": self.split}

    @classmethod
    def read(cls, said: object, arrays: Mapping[str, Array], net: Net) -> "TrainingState":
        """State from a file, of a training of this net; refused if no fit leaves it."""
        parts = said if isinstance(said, dict) else {}
        values = parts.get("values")
        if set(parts) != {"values", "split"} or not isinstance(values, dict):
            raise damaged(f"{STATE} {shown(said)}", "values and split")
        if set(values) != VALUES or not {"parameters", "order"} <= {*arrays}:
            raise damaged(f"{STATE} with {shown([*values, *arrays])}", "what a fit leaves")
        for name, array in arrays.items():
            numbers = name == "parameters" or name.startswith("optimizer.")
            if numbers and (array.shape != net.parameters.shape or not np.isfinite(array).all()):
                raise damaged(f"{STATE}: {name} of shape {array.shape}", "finite numbers like W")
        with refused_as_damaged(STATE, "what a fit leaves"):
            np.random.PCG64().state = parts["split"]
        return cls(arrays, values, parts["split"])


@dataclass(frozen=True)
class Earlier:
    """Members of an earlier fit: the net with their best weights, and the state if it was kept."""

    net: Net
    state: TrainingState | None

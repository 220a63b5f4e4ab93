"""The parameters of a loop program: what it is called with, and what its text says of them."""

from dataclasses import dataclass

from handgrad.engines.compiled.loops import Type

WORKERS = "workers"
# What the buffers of a program hold: its text explains them.
MEANINGS = {
    "n_rows": "how many rows there are",
    "x": "the inputs, row after row",
    "y": "the targets",
    "sample_weight": "how much each row counts",
    "order": "the row that comes first, second, ... in this epoch",
    "parameters": "all weights of the net, one after another",
    "gradients": "their gradients, in the same order",
    "state": "the running state of the layers",
    "learning_rates": "the learning rate of each step",
    "loss_before": "the total of the loss before the first of these rows",
    "steps": "how many steps were taken so far",
    "predictions": "the predictions, in the order of the rows",
    "loss_total": "the sum of the losses of all batches, each times its weight",
    "parameters_after": "the weights at the end",
    "state_after": "the running state at the end",
    "streams": "where the random streams stand",
    "streams_after": "where they stand at the end",
    "tables": "constant arrays of the layers",
    "scratch": "what is computed on the way",
    "scratch_int": "whole numbers computed on the way",
    "scratch_bool": "truth values computed on the way",
    WORKERS: "the memory of the threads that share the work",
}


@dataclass(frozen=True)
class Parameter:
    """What a program is called with: a number, or a buffer of numbers."""

    name: str
    type: Type
    buffer: bool = True

    @property
    def meaning(self) -> str:
        """What it holds, as the program's text explains it."""
        return MEANINGS.get(self.name, "what the optimizer remembers of each weight")


SCRATCH = (
    Parameter("tables", "double"),
    Parameter("scratch", "float"),
    Parameter("scratch_int", "int"),
    Parameter("scratch_bool", "bool"),
    Parameter(WORKERS, "int"),
)

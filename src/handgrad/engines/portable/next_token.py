"""The next token by a portable program: the probabilities of exported files, to the bit."""

import numpy as np

from handgrad.engines.portable.engine import PortableRunner
from handgrad.engines.portable.model import PortableModel, portable_model
from handgrad.textbook.layers import Array
from handgrad.textbook.net.generation import Read, step_by_step
from handgrad.textbook.net.next_token import NextToken


def next_token_model(step: NextToken) -> PortableModel:
    """Portable model of a step, for one row at a time."""
    return portable_model(step, x=step.row(4), predicted_at_once=1, copies=False)


def portable_read(step: NextToken) -> Read:
    """`read` of `generated` by machine code of the portable program."""
    model = next_token_model(step)
    runner, y = PortableRunner(model.prediction), np.zeros((1, *model.output_shape), step.dtype)

    def predict(x: Array) -> Array:
        runner(n_rows=1, x=x, parameters=model.parameters, state=model.state, predictions=y)
        return y

    return step_by_step(predict, step.row(), step.n_tokens, step.n_states)

"""Trainings of the playground in node, as the page makes them."""

from functools import cache
from typing import Any

from handgrad.exchange.exporting.portable.node import run_in_node
from handgrad.learn.playground.pages import traced_modules
from tests.learn.playground.in_node import module

IMPORTS = "".join(
    [
        module("Model", "engine/model.js"),
        module("fragmentOf, stateIn", "training/links.js"),
        module("stateOf", "training/state.js"),
        module("packed", "training/base64.js"),
        module("Task", "training/task.js"),
        module("Training", "training/trainer.js"),
    ]
)
BEGUN = """
const begun = (pages, given) => {
  const { state, problems } = stateOf(given);
  if (problems.length) throw new Error(JSON.stringify(problems));
  return new Training(state, new Task(state), (spec) => new Model(pages, spec));
};
const runTo = (training, step) => {
  training.restoreBefore(step);
  training.run(step, () => false);
  training.applyWeights();
};
const seen = ({ model, state, events, step, epochLoss, failure, last }) => ({
  link: "page.html#" + fragmentOf({ ...state, events, at: { step } }),
  parameters: packed(model.parameters),
  running: packed(model.state),
  step, epochLoss, failure, last,
});
"""


def in_training(main: str, **given: Any) -> Any:
    """What `main({ pages, … })` gives, a function that may use `begun`, `runTo` and `seen`."""
    script = IMPORTS + BEGUN + f"const main = {main};"
    return run_in_node(script, {"pages": _pages(), **given})


@cache
def _pages() -> dict[str, Any]:
    return traced_modules()

"""Descriptions of estimators and Pipelines in files, checked key by key before anything is made."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import TypedDict

from handgrad.base.errors import did_you_mean
from handgrad.files import FileError
from handgrad.saving.tensors import damaged, shown

MOST_STEPS = 100
KEYS = {"estimator", "settings", "fitted", "net", "frozen"}
PIPELINE_KEYS = {"estimator", "settings", "steps"}
PIPELINE_SETTINGS = ("verbose",)  # those that a file keeps
# What imports the package of each estimator and of the summary of its file, entered from above.
PACKAGES: dict[str, Callable[[], ModuleType]] = {}
LAST = ("TabularClassifier", "TabularRegressor")  # they transform nothing


class Summary(TypedDict, total=False):
    """A summary of an estimator's file: the kinds of its columns, its classes and its target."""

    columns: dict[str, str]
    classes: list[object]
    target: dict[str, object]


@dataclass(frozen=True)
class Entry:
    """The description of an estimator in a file, or of a Pipeline, which has `steps` by name."""

    name: str
    settings: dict[str, object]
    fitted: dict[str, object] = field(default_factory=dict)
    net: object = None
    frozen: object = None
    steps: tuple[tuple[str, "Entry"], ...] = ()

    def with_net(self) -> "Entry":
        """Where a net is described: in the estimator, or in the one step that has one."""
        parts = [step for _, step in self.steps] or [self]
        *others, last = sorted(parts, key=lambda part: part.net is not None)
        if any(part.net is not None for part in others):
            raise damaged("a second net", "one net, in the last step")
        return last


def entry_of(said: object) -> Entry:
    """The description of an estimator or of a Pipeline; a FileError where it is neither."""
    if isinstance(said, dict) and said.get("estimator") == "Pipeline":
        return _pipeline_of(said)
    return _estimator_of(said)


def summary_of(entry: Entry) -> Summary:
    """The columns, classes and target of an estimator, as its package sums them up."""
    summary: Summary = PACKAGES[entry.name]().SUMMARIES[entry.name](entry.fitted)
    return summary


def _pipeline_of(entry: dict[str, object]) -> Entry:
    steps, settings = entry.get("steps"), entry.get("settings")
    if set(entry) != PIPELINE_KEYS or not isinstance(steps, list) or not isinstance(settings, dict):
        raise damaged(f"{shown(entry)} as a Pipeline", ", ".join(sorted(PIPELINE_KEYS)))
    if set(settings) != {*PIPELINE_SETTINGS} or type(settings["verbose"]) is not bool:
        raise damaged(f"a Pipeline with {shown(settings)}", "verbose, true or false")
    names = [step[0] if isinstance(step, list) and len(step) == 2 else None for step in steps]
    if not 1 <= len(steps) <= MOST_STEPS or not all(
        isinstance(name, str) and name and "__" not in name for name in names
    ):
        raise damaged(f"the steps {shown(names)}", "names and estimators")
    if len(set(names)) != len(names) or set(names) & {"memory", *PIPELINE_SETTINGS, "steps"}:
        raise damaged(f"the steps {shown(names)}", "a name of its own for each")
    for _, step in steps:
        if not isinstance(step, dict) or step.get("estimator") == "Pipeline":
            raise damaged(f"the step {shown(step)}", "an estimator")
    found = tuple((name, _estimator_of(step)) for name, step in steps)
    if any(step.name in LAST for _, step in found[:-1]):
        raise damaged(f"the steps {shown(names)}", "transformers before the last")
    return Entry("Pipeline", settings, steps=found)


def _estimator_of(said: object) -> Entry:
    entry = said if isinstance(said, dict) else {}
    name = entry.get("estimator")
    if not isinstance(name, str) or name not in PACKAGES:
        known = [*PACKAGES, "Pipeline"]
        raise FileError(
            f"the estimator {shown(name)}",
            f"one of {', '.join(known)}",
            did_you_mean(shown(name), known, "a newer handgrad, which may have it"),
        )
    if set(entry) != KEYS or not all(isinstance(entry[k], dict) for k in ("settings", "fitted")):
        raise damaged(f"the keys {shown(sorted(entry))} of {name}", ", ".join(sorted(KEYS)))
    return Entry(name, *(entry[key] for key in ("settings", "fitted", "net", "frozen")))

"""The public names: few in `hg`, all others in namespaces; where names moved, the old ones warn."""

import ast
import os
import re
import rlcompleter
import runpy
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docs.reference.build import named, namespaces

import handgrad as hg

MOST = 90  # of which a later change may take some
SCRIPT = Path(__file__).with_name("user_script.py")
# Names by which the work begins: they stay.
FOREVER = (
    *("Net", "Linear", "Tanh", "Softmax", "CrossEntropyLoss", "SGD", "Layer", "train", "fit"),
    *("check_gradients", "trace", "compiled_source", "save", "load", "diagnose", "explain"),
    *("MLPClassifier", "MLPRegressor", "TabularClassifier", "TabularRegressor", "TabularSurvival"),
    *("make_classification", "plot_dataset", "plot_loss_functions", "plot_cross_entropy"),
    *("plot_training_progress", "plot_decision_boundary", "train_and_plot"),
)

each_moved = pytest.mark.parametrize("name", hg.MOVED)


def old(statement: str) -> tuple[Any, list[warnings.WarningMessage]]:
    """What `value` is after a statement with an old name, and the warnings on the way."""
    scope: dict[str, Any] = {"hg": hg}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        exec(compile(statement, "a user's file.py", "exec"), scope)
    return scope["value"], caught


def completed(text: str) -> Iterator[str]:
    completer = rlcompleter.Completer({"hg": hg})
    for state in range(1000):
        if (word := completer.complete(text, state)) is None:
            return
        yield word.removeprefix(text).partition("(")[0]


def test_hg_has_few_names() -> None:
    assert len(hg.__all__) <= MOST


@pytest.mark.parametrize("name", FOREVER)
def test_names_of_the_first_steps_stay_without_a_warning(name: str) -> None:
    assert name in hg.__all__
    assert getattr(hg, name) is not None


def test_the_package_shows_its_public_names_alone() -> None:
    assert {name for name in dir(hg) if not name.startswith("_")} == {*hg.__all__}


def test_completion_shows_the_public_names() -> None:
    assert {*completed("hg.")} >= {*hg.__all__}
    assert not {*completed("hg.")} & hg.MOVED.keys()


@pytest.mark.parametrize("namespace", [*namespaces(hg)])
def test_completion_shows_the_names_of_a_namespace(namespace: str) -> None:
    assert {*completed(f"hg.{namespace}.")} >= {*named(namespace).__all__}


@each_moved
@pytest.mark.parametrize("form", ["value = hg.{name}", "from handgrad import {name} as value"])
def test_an_old_name_is_what_the_new_place_has_and_warns(name: str, form: str) -> None:
    value, [warning] = old(form.format(name=name))
    assert value is named(hg.MOVED[name])
    assert warning.category is DeprecationWarning
    assert warning.filename == "a user's file.py"
    assert str(warning.message) == (
        f"hg.{name} is now hg.{hg.MOVED[name]}; the old name goes with the next release"
    )


def test_an_old_name_warns_once_at_each_place() -> None:
    _, caught = old("for _ in range(3):\n    value = hg.plot_roc\nvalue = hg.plot_roc\n")
    assert [warning.lineno for warning in caught] == [2, 3]


@each_moved
def test_a_new_place_is_public(name: str) -> None:
    namespace, _, last = hg.MOVED[name].rpartition(".")
    assert last in named(namespace).__all__


def test_a_name_that_never_was_has_no_place() -> None:
    for module in (hg, *map(named, namespaces(hg))):
        with pytest.raises(AttributeError, match="no attribute 'plot_rok'"):
            getattr(module, "plot_rok")  # noqa: B009  a type checker knows it


def test_a_users_script_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(SCRIPT.read_text("utf-8").splitlines()) <= 40
    runpy.run_path(str(SCRIPT))
    assert capsys.readouterr().out == "2 True check the path\n"


@pytest.mark.slow
def test_type_checkers_know_old_and_wrong_names_as_errors(tmp_path: Path) -> None:
    wrong = ("hg.plot_roc", "hg.Liner", "hg.plots.plot_rok", "hg.tables.train_tabel")
    right = ("hg.plots.plot_roc", "hg.Linear", "hg.tables.train_table", "hg.learn.replay")
    lines = "\n".join(["import handgrad as hg", *right, *wrong])
    (tmp_path / "script.py").write_text(lines, "utf-8")
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports", "silent", "script.py"],
        cwd=tmp_path,
        env=os.environ | {"MYPYPATH": str(Path(hg.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert re.findall(r"script\.py:(\d+): .*attr-defined", run.stdout) == ["6", "7", "8", "9"]


def test_a_class_name_stands_for_one_class() -> None:
    found: dict[str, list[str]] = {}
    for file in sorted((Path(hg.__file__).parent).rglob("*.py")):
        for node in ast.parse(file.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name.lstrip("_"), []).append(f"{file.name}:{node.lineno}")
    assert {name: places for name, places in found.items() if len(places) > 1} == {}

"""`make check` runs the tests that name what changed."""

import json
from pathlib import Path

import pytest

from tests import affected
from tests.affected import FILES, ROOT, asked_for, nearest_tests, runs_here, within

MODULES = [name for name in FILES if name.startswith("handgrad.") and "__" not in name]


@pytest.mark.slow
def test_every_module_has_tests() -> None:
    assert [name for name in MODULES if not nearest_tests(name)] == []


def paths(*names: str) -> list[Path]:
    return [ROOT / name for name in names]


@pytest.mark.slow
def test_a_layer_asks_for_the_tests_that_use_it_by_its_public_name() -> None:
    asked = asked_for(paths("src/handgrad/textbook/layers/softmax.py"))
    assert ROOT / "tests/contracts/test_layers.py" in asked
    assert ROOT / "tests/textbook/layers/test_masks.py" in asked
    assert ROOT / "src/handgrad/textbook/layers/softmax.py" in asked  # for its examples
    assert not any(path.is_relative_to(ROOT / "tests/cli") for path in asked)


def test_what_no_test_names_asks_for_the_nearest_tests_its_importers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    named = {"tests.a.test_one": {"handgrad.a.upper"}, "tests.b.test_two": {"handgrad.b.other"}}
    monkeypatch.setattr(affected, "TEST_FILES", [*named])
    monkeypatch.setattr(affected, "named_by", named.get)
    above = {"handgrad.a.lower": {"handgrad.a.middle"}, "handgrad.a.middle": {"handgrad.a.upper"}}
    monkeypatch.setattr(affected, "importers", lambda name: above.get(name, set()))
    assert nearest_tests("handgrad.a.lower") == {"tests.a.test_one"}


def test_a_helper_of_tests_asks_for_those_that_use_it() -> None:
    asked = asked_for(paths("tests/engines/one_epoch.py"))
    assert ROOT / "tests/engines/test_cache.py" in asked


def test_a_script_of_a_page_asks_for_the_nearest_tests_its_package() -> None:
    asked = asked_for(paths("web/playground/views/curves.js"))
    assert {path.parent for path in asked} == {ROOT / "tests/learn/playground"}


def test_a_file_whose_oracle_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.oracle.conftest.collect_ignore_glob", ["test_onnx.py"])
    assert not runs_here("tests.oracle.test_onnx")
    assert runs_here("tests.oracle.test_stored")
    assert asked_for(paths("tests/oracle/test_onnx.py")) == []


def test_the_quickest_files_are_run_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "seconds"
    kept.write_text(json.dumps({"a.py": 50.0, "b.py": 5.0, "c.py": 54.0}))
    monkeypatch.setattr(affected, "SECONDS", kept)
    assert within(60, paths("a.py", "b.py", "c.py", "new.py")) == paths("a.py", "b.py", "new.py")

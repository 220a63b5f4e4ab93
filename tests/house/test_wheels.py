"""The package index was asked for what is required today, and has what is promised."""

import re

import pytest

from tests.house.wheels import (
    FOR_DEVELOPERS,
    PAGE,
    PROMISED,
    PYTHONS,
    lines,
    requirements,
    stored,
    with_table,
)


def test_the_index_was_asked_for_what_is_required_now() -> None:
    assert stored()["requirements"] == requirements(), "run `make wheels`"
    assert {"core", "all", "cluster", "serve"} <= set(requirements())
    assert not set(FOR_DEVELOPERS) & set(requirements())


@pytest.mark.parametrize("system", PROMISED)
def test_the_core_and_all_install_from_wheels(system: str) -> None:
    for extra in ("core", "all"):
        lacking = stored()["lacking"].get(extra, {})
        assert not [python for python in PYTHONS if f"{system}, Python {python}" in lacking]


def test_the_page_has_the_table_of_the_stored_answers() -> None:
    page = PAGE.read_text("utf-8")
    assert page == with_table(page, stored())
    assert len(re.findall(r"^\| (?:Linux|Windows|macOS|Alpine)", page, re.MULTILINE)) == 7


def test_the_table_names_what_lacks_a_wheel_and_for_which_pythons() -> None:
    answers = {
        "requirements": {"core": [], "all": ["handgrad[plots]"], "plots": [], "jax": []},
        "lacking": {
            "core": {"Windows arm64, Python 3.11": "llvmlite"},
            "all": {
                "Windows arm64, Python 3.11": "llvmlite",
                "Windows arm64, Python 3.12": "pyarrow",
                "Windows arm64, Python 3.13": "pyarrow",
            },
            "jax": {f"Alpine x86-64, Python {python}": "jaxlib" for python in PYTHONS},
        },
    }
    table = "\n".join(lines(answers))
    assert (
        "| Windows arm64 | no: llvmlite for 3.11 | no: pyarrow for 3.12 to 3.13 | none |" in table
    )
    assert "| Alpine x86-64 | yes | yes | `jax` (jaxlib) |" in table
    assert "| Linux x86-64 | yes | yes | none |" in table

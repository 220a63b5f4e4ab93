"""Programs that ran with a release run with the next one: no name and no parameter goes at once."""

import pytest

from tests.house.public_names import broken, current, problems, stored


def test_what_programs_rely_on_is_there() -> None:
    assert not problems(stored(), current())


def test_a_name_that_goes_is_told() -> None:
    old, new = {"Linear": "n_in, n_out", "data.BUNDLED": None}, {"Linear": "n_in, n_out"}
    assert problems(old, new) == ["data.BUNDLED is gone"]
    assert problems(old, {**new, "data.BUNDLED": None, "data.new": "x"}) == []
    assert problems(old, {"Linear": None, "data.BUNDLED": None}) == [
        "Linear can no longer be called"
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x, y=...", "x, y=..., z=..., *, rng=..., **options"),
        ("x, *, y=...", "x, y=..."),
        ("x, y", "x, y=..."),
        ("x, /", "x"),
        ("*layers", "*layers, name=..."),
    ],
)
def test_what_is_added_breaks_nothing(old: str, new: str) -> None:
    assert not broken(old, new)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("x, y=...", "x", "y is gone"),
        ("x, y=...", "x, z=...", "y is gone"),
        ("x, y=...", "y, x=...", "x is no longer parameter 1"),
        ("x, y=...", "x, z=..., y=...", "y is no longer parameter 2"),
        ("x, y=...", "x, *, y=...", "y is no longer parameter 2"),
        ("x, y=...", "x, y", "y has no default any more"),
        ("x", "x, /", "x is no longer a keyword"),
        ("x", "x, *, y", "y is new, without a default"),
        ("*layers", "layers", "layers is gone"),
    ],
)
def test_a_call_that_no_longer_works_is_told(old: str, new: str, told: str) -> None:
    assert told in broken(old, new)


def test_the_list_has_namespaces_classes_and_methods_with_their_parameters() -> None:
    names = stored()
    assert names["data"] is None
    assert names["Linear"] == "n_in, n_out, *, initializer=..., rng=..., dtype=..."
    assert (names["Net.predict"] or "").startswith("self, x")

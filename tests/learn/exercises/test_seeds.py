"""An exercise with a seed: other numbers and names, the same answers and the same feedback."""

import re

import numpy as np
import pytest

import handgrad as hg
from handgrad.learn.exercises import NAMES
from handgrad.learn.exercises.tasks import Task, task
from handgrad.textbook.errors import SettingError
from handgrad.textbook.language import LANGUAGES
from tests.bad_input.refused import refused
from tests.learn.exercises.answers import right, wrong
from tests.learn.exercises.test_exercise import WITH_PAGES

SEEDS = (0, 1, 2, 7, 12345)


def renaming(plain: Task, seeded: Task) -> dict[str, str]:
    """The names of an exercise, and those of it with a seed, place by place."""
    names = [[*one.names, *(hole.name for hole in one.holes)] for one in (plain, seeded)]
    return dict(zip(*names, strict=True))


def renamed(text: str, names: dict[str, str]) -> str:
    return re.sub(r"(?<![\w.])[A-Za-z]\w*", lambda word: names.get(word[0], word[0]), text)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", NAMES)
def test_the_answer_is_right_in_the_other_names_alone(name: str, seed: int) -> None:
    plain, seeded = task(name), task(name, seed=seed)
    names = renaming(plain, seeded)
    answers = {names[hole]: renamed(text, names) for hole, text in right(name).items()}
    exercise = hg.exercise(name, seed=seed)
    grade = exercise.check(**answers)
    assert grade, str(grade)
    assert exercise.holes == [*answers]
    assert exercise.id == f"{name}@{seed}"
    drawn = [k for k, v in plain.arrays.items() if np.asarray(v).dtype.kind == "f" and np.ndim(v)]
    other = [k for k in drawn if not np.array_equal(plain.arrays[k], seeded.arrays[names[k]])]
    assert other or not [k for k in drawn if k not in ("p",)]


@pytest.mark.parametrize("seed", SEEDS[:3])
def test_wrong_answers_are_told_apart_with_other_numbers(seed: int) -> None:
    for name, hole, formula, keys in wrong():
        names = renaming(task(name), task(name, seed=seed))
        said = hg.exercise(name, seed=seed).check(**{names[hole]: renamed(formula, names)})
        assert [r.key for r in said.remarks[names[hole]]] == keys, (name, formula, str(said))


@pytest.mark.parametrize("name", WITH_PAGES)
def test_the_code_of_the_exercise_has_the_same_names(name: str) -> None:
    seeded = task(name, seed=3)
    namespace: dict[str, object] = {"hg": hg, "np": np}
    exec(seeded.page, namespace)
    for hole in seeded.holes:
        if hole.of in seeded.inputs:
            assert f"return {hole.name}" in seeded.page


def test_names_in_texts_are_those_of_the_formulas() -> None:
    for language in LANGUAGES:
        shown = str(hg.exercise("linear", language, seed=7))
        used = {*re.findall(r"(?<!\w)d?[A-Za-z](?!\w)", shown)} - {"a", "j", "i", "T"}
        assert used <= {*task("linear", seed=7).names} | {*hg.exercise("linear", seed=7).holes}
    softplus = hg.exercise("softplus", seed=3)
    assert "log(1 + eʳ)" in str(softplus)  # raised letters, too
    assert softplus.holes == ["dr"]


def test_the_same_seed_is_the_same_exercise_and_another_is_another() -> None:
    first, again, other = (hg.exercise("tanh", seed=seed).data() for seed in (4, 4, 5))
    assert first == again
    assert first["arrays"] != other["arrays"]


def test_a_seed_avoids_numbers_without_a_derivative() -> None:
    for seed in range(150):
        exercise = task("relu", seed=seed)
        x = exercise.arrays[exercise.inputs[0]]
        assert (x != 0).all()


@pytest.mark.parametrize("seed", [-1, 10**6, True, 1.5, "7"])
def test_what_is_no_seed_is_refused(seed: object) -> None:
    with refused(SettingError, "seed=", "a whole number from 0 to 999999"):
        hg.exercise("tanh", seed=seed)  # type: ignore[arg-type]

"""The README's section says who is ahead where, and how many bounds are kept."""

from dataclasses import asdict
from typing import Any

import pytest
from benchmarks.held import Held
from benchmarks.part import Comparison, Limit, Part, compared
from benchmarks.speed_page import BEGIN, END, SENTENCES, section, sentence, with_section
from benchmarks.workers import Timing

TWO = Held(2)


def timing(case: str, peer: str, seconds: float) -> dict[str, Any]:
    return asdict(Timing(case, peer, 1, seconds, seconds, seconds, 5, 1, 0.1))


def results(comparisons: list[Comparison], limits: list[Limit], held: Held = TWO) -> dict[str, Any]:
    versions = dict.fromkeys(["Python", "numpy", "scikit-learn", "torch", "jax"], "1.0")
    timings = [
        timing("M", "handgrad", 0.05),
        timing("M", "PyTorch, 1 thread", 0.20),
        timing("M", "PyTorch, 2 threads", 0.10),
        timing("M", "JAX", 0.04),
    ]
    parts = [
        Part("Training", "", "", timings, held=TWO),
        Part("Other", "", "", [], comparisons, limits, held=held),
    ]
    return {
        "machine": {"processor": "A chip", "cores": 4, "versions": versions},
        "parts": [asdict(part) for part in parts],
    }


def words(text: str) -> str:
    return " ".join(text.split())


def test_the_table_has_microseconds_a_step_and_the_faster_of_a_family() -> None:
    text = section(results([], []))
    # 0.05 s an epoch of 50 steps; PyTorch twice that with 2 threads; JAX less; no scikit-learn
    assert "| M: 784-256-10 relu, batch 128 | 1 000 | – | 2.0× | – | 0.80× |" in text
    assert "| L: 784-1024-1024-10 relu, batch 512 | – | – | – | – | – |" in text


def test_every_peer_that_is_faster_is_named_with_or_without_a_bound() -> None:
    text = section(
        results(
            [
                Comparison("M: a net", "JAX", 0.8, 1.2, 0.0),
                Comparison("M: a net", "PyTorch", 2.0, 1.45, 0.0),
                Comparison("M: a net, Adam", "JAX", 0.9, others=0.0),
                Comparison("one row: a net", "NumPy", 0.5, others=0.0),
            ],
            [Limit("a share", 0.7, 0.85, "", at_least=True, others=0.0)],
        )
    )
    behind = "M (JAX 0.80×); M with Adam (JAX 0.90×); one row (NumPy 0.50×)"
    assert f"not ahead in {behind}." in words(text)
    assert "It keeps 1 of the 3 bounds that we set." in words(text)


def test_being_ahead_in_everything_is_said_too() -> None:
    text = words(section(results([Comparison("M: a net", "JAX", 1.3, 1.2)], [])))
    assert "handgrad is ahead in all that is compared." in text


def test_the_processor_is_said() -> None:
    assert "Measured on A chip, 2 of its 4 cores, with Python 1.0" in words(
        section(results([], []))
    )


def test_bounds_of_a_busy_machine_are_said_not_to_be_decided() -> None:
    found = [Comparison("M: a net", "JAX", 1.3, 1.2, 0.9), Comparison("S", "JAX", 1.3, 1.2, 0.0)]
    text = words(section(results(found, [])))
    assert "It keeps 1 of the 2 bounds that we set (1 not decided: the machine was busy)." in text


def test_what_is_not_ahead_on_fewer_cores_is_named_with_them() -> None:
    found = [Comparison("M: a net", "JAX", 0.8, 1.2, 0.0)]
    assert "not ahead in M on 1 core (JAX 0.80×)." in words(section(results(found, [], Held(1))))
    narrow = words(section(results(found, [], Held(2, avx2=True))))
    assert "handgrad is ahead in all that is compared. It keeps 0 of the 0 bounds" in narrow


def test_a_second_table_is_of_avx2() -> None:
    content = results([], [])
    narrow = content["parts"][0] | {"held": {"cores": 2, "avx2": True}}
    text = section(content | {"parts": [*content["parts"], narrow]})
    assert "| a step of SGD, held to AVX2 | handgrad, µs |" in text


def test_deeper_nets_have_a_table_of_one_core() -> None:
    content = results([], [])
    timings = [timing("GRU", "handgrad", 0.016), timing("GRU", "JAX", 0.032), {"what": "a start"}]
    deep = asdict(Part("Pictures, sequences, attention", "", "", timings, held=Held(1)))
    text = section(content | {"parts": [*content["parts"], deep]})
    assert "| a step of Adam, one core | handgrad, µs | PyTorch | torch.compile | JAX |" in text
    # 0.016 s an epoch of 16 steps; JAX twice that
    assert "| GRU: 28 × 28 to 64, batch 32 | 1 000 | – | – | 2.0× |" in text
    assert "one core" not in section(content)


def test_the_readme_says_the_lowest_and_the_highest_ratio_of_each_peer() -> None:
    content = results([], [])
    content["parts"][0]["timings"] += [timing("S", "handgrad", 0.01), timing("S", "JAX", 0.03)]
    timings = [timing("GRU", "handgrad", 0.016), timing("GRU", "JAX", 0.032), {"what": "a start"}]
    adam = [t | {"optimizer": "Adam"} for t in timings]
    deep = asdict(Part("Pictures, sequences, attention", "", "", adam, held=Held(1)))
    for page in SENTENCES:
        text = sentence(content | {"parts": [*content["parts"], deep]}, page)
        assert "A chip" in text
        assert "PyTorch 2.0–2.0, JAX 0.80–3.0" in text
        assert "JAX 2.0–2.0" in text


def test_the_spread_is_that_of_two_turns() -> None:
    slow = Timing("M", "JAX", 1, 0.03, 0.02, 0.05, 5, 1, 0.1)
    own = Timing("M", "handgrad", 1, 0.01, 0.008, 0.02, 5, 1, 0.1)
    (found,) = compared([slow, own], "M", "M", {})
    assert found.ratio == pytest.approx(3)
    assert found.spread == "1.00–6.25"
    assert Comparison("M", "JAX", 3.0).spread == "?"


def test_only_what_stands_between_the_marks_is_replaced() -> None:
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert with_section(text, "new") == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    with pytest.raises(ValueError, match="followed by"):
        with_section(f"before\n{BEGIN}\nold\n", "new")

"""What is written of the results, and that it can be read again."""

from pathlib import Path
from typing import Any

from benchmarks.held import Held
from benchmarks.measures.products import Rates, table, worst
from benchmarks.part import Comparison, Limit, Part, cores, wide_table
from benchmarks.results import TABLES, as_text, read, shown, write
from benchmarks.workers import Timing

MACHINE: dict[str, Any] = {
    "processor": "A chip", "cores": 2, "system": "Linux", "BLAS": ["openblas 1 SkylakeX"],
    "load": [0.1], "load after": [0.2], "versions": {"Python": "3.11"},
}  # fmt: skip


def part(held: Held, title: str = "Speed", ratio: float = 2.0, others: float = 0.0) -> Part:
    """One with two ratios, of which one has a bound, and a limit that was missed."""
    return Part(
        title,
        "How fast.",
        "| a table |",
        [],
        [
            Comparison("a: net", "JAX", ratio, 1.5, others, 1.8, 2.5),
            Comparison("a: net", "NumPy", 9.0),
        ],
        [Limit("a: start", 0.3, 0.2, "s", at_least=False, others=others)],
        {"a": "it cannot", "b": "it cannot"},
        held,
        "today",
    )


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    parts = [part(Held(2)), part(Held(1, avx2=True))]
    write(parts, MACHINE, tmp_path)
    assert read(tmp_path) == (parts, MACHINE)
    assert (tmp_path / TABLES).read_text("utf-8") == as_text(parts, MACHINE)
    assert read(tmp_path / "nothing") == ([], {})


def test_each_bound_has_its_verdict_and_the_load_beside_it() -> None:
    text = as_text([part(Held(2)), part(Held(1), others=0.8)], MACHINE)
    assert "| a: net | JAX | 2.00 | 1.80–2.50 | 1.5 | yes | 0.00 |" in text
    assert "| a: net | NumPy | 9.00 | ? |  |  | ? |" in text
    assert "| a: start | 0.300 s | at most 0.2 s | **no** | 0.00 |" in text
    assert "| a: net | JAX | 2.00 | 1.80–2.50 | 1.5 | not decided | 0.80 |" in text
    assert "Left out, it cannot: a; b." in text


def test_held_to_avx2_there_are_ratios_and_no_verdicts() -> None:
    text = as_text([part(Held(1, avx2=True))], MACHINE)
    assert "| a: net | JAX | 2.00 | 1.80–2.50 |  |  | 0.00 |" in text
    assert "### 1 core, held to AVX2 (today)" in text


def test_full_width_and_most_cores_are_shown() -> None:
    held = [Held(2, avx2=True), Held(1), Held(2), Held(1, avx2=True)]
    assert shown(map(part, held)) == Held(2)


def test_a_row_of_a_table_ends_with_the_most_that_others_did_meanwhile() -> None:
    timings = [
        Timing("M", peer, 1, seconds, seconds, seconds, 5, 1, 0.1, others=others)
        for peer, seconds, others in (("handgrad", 2.0, 0.04), ("JAX", 3.0, 0.111))
    ]
    found = wide_table("s", {"M": "the net M"}, timings, lambda t: f"{t.seconds:g}")
    assert found.splitlines()[0] == "| s | handgrad | JAX | others, cores |"
    assert found.splitlines()[-1] == "| the net M | 2 | 3 | 0.11 |"
    assert cores(None) == "?"


def test_the_worst_product_is_named() -> None:
    long = Rates("long", 2e11, {"OpenBLAS": 1e11, "MKL": 1.6e11}, 0.0)
    thin = Rates("thin", 5e10, {"OpenBLAS": 1e11}, 0.0)
    assert "| long | 200 | 100 | 160 | 1.25 | 0.00 |" in table([long, thin])
    assert "| thin | 50.0 | 100 | – | 0.500 | 0.00 |" in table([long, thin])
    assert worst([long, thin]) == (
        "The worst of the 2: thin, 0.500 of the best rate. 1 are below 0.95 of it."
    )

"""The tables of the forms of a portable program."""

from benchmarks.measures.portable import Found, limits, making_table, steps_table

SEEN: dict[str, dict[str, float]] = {
    "µs": {"compiled": 0.41, "portable": 0.31},
    "seconds": {"compiled": 0.1, "portable": 0.1, "WebAssembly": 0.6, "JavaScript": 0.003},
    "bytes": {"WebAssembly": 6300, "JavaScript": 12000},
}
FOUND = [Found("2-8-2", SEEN, 0.1), Found("2-64-2", SEEN, 0.1)]


def test_what_node_was_to_run_is_left_open_without_it() -> None:
    assert "| 2-8-2 | 0.410 | 0.310 | – | – | 0.10 |" in steps_table(FOUND)
    assert "| 2-8-2 | 0.10 | 0.10 | 0.60 | 0.0030 | 6 300 | 12 000 |" in making_table(FOUND)


def test_nets_that_are_made_at_once_have_a_bound() -> None:
    (limit,) = limits(FOUND)
    assert (limit.value, limit.bound, limit.verdict) == (0.6, 0.5, "**no**")

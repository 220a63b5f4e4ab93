"""The table of the playground's engines."""

from benchmarks.measures.playground import Found, limits, table

ENGINES = {"recorded pages": 400.0, "WebAssembly": 40.0, "printed JavaScript": 200.0}


def test_a_net_has_its_steps_and_epochs_by_each_engine() -> None:
    found = table([Found("2-8-8-2", ENGINES, 0.1), Found("2-64-2", {}, None)])
    assert "| 2-8-8-2 | 10.0 | 1.00 | 5.00 | 2 500 | 25 000 | 5 000 | 0.10 |" in found
    assert "| 2-64-2 | – | – | – | – | – | – | ? |" in found


def test_recorded_pages_have_a_bound_on_the_net_that_pages_begin_with() -> None:
    quiet, slow = Found("2-8-8-2", ENGINES, 0.1), {"recorded pages": 1250.0}
    (kept,), (missed,) = limits([quiet]), limits([Found("2-8-8-2", slow, 0.1)])
    assert (kept.value, kept.bound, kept.verdict) == (2500.0, 1000, "yes")
    assert missed.verdict == "**no**"
    assert limits([Found("2-8-2", ENGINES, 0.1), Found("2-8-8-2", {}, 0.1)]) == []

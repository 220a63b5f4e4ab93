"""The document on speed has the numbers of the stored results."""

import json

from benchmarks.results import RESULTS
from benchmarks.speed_page import PAGE, section, with_section

from tests.docs.documents import ROOT


def test_the_page_has_the_section_made_from_the_results() -> None:
    text = PAGE.read_text("utf-8")
    new = section(json.loads((RESULTS / "results.json").read_text("utf-8")))
    assert with_section(text, new) == text, "run: python -m benchmarks.speed_page"


def test_the_picture_it_shows_is_there() -> None:
    assert "](../benchmarks/results/results.png)" in PAGE.read_text("utf-8")
    assert (ROOT / "benchmarks" / "results" / "results.png").is_file()

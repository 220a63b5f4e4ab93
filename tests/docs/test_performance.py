"""The document on speed and both READMEs have the numbers of the stored results."""

import json

from benchmarks.results import RESULTS
from benchmarks.speed_page import PAGE, texts, with_section

from tests.docs.documents import ROOT


def test_documents_have_what_the_results_say() -> None:
    for page, new in texts(json.loads((RESULTS / "results.json").read_text("utf-8"))).items():
        text = page.read_text("utf-8")
        assert with_section(text, new) == text, "run: python -m benchmarks.speed_page"


def test_the_picture_it_shows_is_there() -> None:
    assert "](../benchmarks/results/results.png)" in PAGE.read_text("utf-8")
    assert (ROOT / "benchmarks" / "results" / "results.png").is_file()

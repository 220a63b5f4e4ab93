"""The README says of speed what the kept results say."""

import json

from benchmarks.readme import README, section, with_section
from benchmarks.results import RESULTS

from tests.docs.documents import ROOT


def test_the_readme_has_the_section_made_from_the_results() -> None:
    text = README.read_text("utf-8")
    new = section(json.loads((RESULTS / "results.json").read_text("utf-8")))
    assert with_section(text, new) == text, "run: python -m benchmarks.readme"


def test_the_picture_it_shows_is_there() -> None:
    assert "](benchmarks/results/results.png)" in README.read_text("utf-8")
    assert (ROOT / "benchmarks" / "results" / "results.png").is_file()

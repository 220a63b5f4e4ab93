"""Each mutant still names a place of the source, once, and a test that is there."""

from tests.mutants.run import ROOT, SOURCE, refuse_outdated
from tests.mutants.table import MUTANTS


def test_each_mutant_fits_the_source() -> None:
    refuse_outdated(MUTANTS, SOURCE)


def test_the_test_that_each_mutant_names_is_there() -> None:
    for mutant in MUTANTS:
        path, _, name = mutant.test.split("[")[0].partition("::")
        text = (ROOT / path).read_text("utf-8")
        assert not name or f"def {name}(" in text, f"{mutant.test} of '{mutant.breaks}'"

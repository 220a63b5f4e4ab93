"""What holds for every test."""

import sys
from collections.abc import Iterator

import pytest
from hypothesis import Phase, settings

from tests.processors import PROCESSORS, compile_for

# For mutants: that a test fails is enough, the simplest way it can is not looked for.
settings.register_profile("unshrunk", phases=[Phase.explicit, Phase.generate])


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--processor", choices=PROCESSORS, help="what machine code is made for")


def pytest_configure(config: pytest.Config) -> None:
    if name := config.getoption("--processor"):
        try:
            compile_for(name)
        except ValueError as error:
            raise pytest.UsageError(str(error)) from error


@pytest.fixture(autouse=True)
def no_figure_stays_open() -> Iterator[None]:
    """Pyplot keeps its figures until they are closed; where a test made some, let them go."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")

"""What holds for every test."""

import os
import re
import signal
import sys
import zlib
from collections import defaultdict
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.processors import PROCESSORS, compile_for

# Texts are English, whatever the language of the machine; processes that tests start inherit it.
os.environ["HANDGRAD_LANGUAGE"] = "en"

_seconds = defaultdict[str, float](float)

# On a loaded machine all takes long, an example and the making of one: neither is a failure.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
# For mutants: that a test fails is enough, the simplest way it can is not looked for.
settings.register_profile("unshrunk", phases=[Phase.explicit, Phase.generate])


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--processor", choices=PROCESSORS, help="what machine code is made for")
    parser.addoption("--perturb", type=int, metavar="SEED", help="other last digits, eagerly")
    parser.addoption("--share", default="1/1", metavar="K/N", help="the K-th of N shares of tests")


def pytest_configure(config: pytest.Config) -> None:
    _hear_signals()
    if name := config.getoption("--processor"):
        try:
            compile_for(name)
        except ValueError as error:
            raise pytest.UsageError(str(error)) from error
    if (seed := config.getoption("--perturb")) is not None:
        from tests.other_digits import perturb

        perturb(seed)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of the other shares; a test is in the same one on every machine."""
    share = config.getoption("--share")
    numbers = re.fullmatch(r"(\d+)/(\d+)", share)
    k, n = map(int, numbers.groups()) if numbers else (0, 0)
    if not 1 <= k <= n:
        raise pytest.UsageError(f"--share {share}: two numbers such as 2/3 are expected")
    others = [item for item in items if zlib.crc32(_group(item).encode()) % n != k - 1]
    if others:
        config.hook.pytest_deselected(items=others)
        left_out = set(others)
        items[:] = [item for item in items if item not in left_out]


def _group(item: pytest.Item) -> str:
    """Tests that stay in one share: those that need the site, which takes minutes to build."""
    return "site" if "site" in getattr(item, "fixturenames", ()) else item.nodeid


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count the seconds of each file, for tests/affected.py."""
    _seconds[report.location[0]] += report.duration


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Keep the seconds beside those of other files; of a file, what most of its tests took."""
    cache = getattr(session.config, "cache", None)  # which `-p no:cacheprovider` leaves out
    if _seconds and cache and not hasattr(session.config, "workerinput"):
        before = cache.get("handgrad/seconds", {})
        kept = {name: max(took, before.get(name, 0)) for name, took in _seconds.items()}
        cache.set("handgrad/seconds", before | kept)


def _hear_signals() -> None:
    """Processes that tests start would ignore what nohup, or a shell in the background, ignores."""
    for name, handler in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


@pytest.fixture(autouse=True)
def no_figure_stays_open() -> Iterator[None]:
    """Pyplot keeps its figures until they are closed; where a test made some, let them go."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(autouse=True)
def nothing_is_recorded_yet() -> None:
    """A training records and compiles what it needs, whatever the tests before it left behind."""
    if "handgrad.engines.fingerprint" in sys.modules:
        sys.modules["handgrad.engines.fingerprint"].TRACES.entries.clear()


@pytest.fixture(autouse=True)
def nothing_is_planned_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans on disk follow from handgrad's sources, of which tests change parts while they run."""
    monkeypatch.setattr("handgrad.engines.fingerprint.Fingerprint.on_disk", lambda *_: None)

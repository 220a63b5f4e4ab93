"""What holds for the tests on a real Ray; they are left out where it is not installed."""

from collections.abc import Iterator
from importlib.util import find_spec

import pytest

collect_ignore_glob = [] if find_spec("ray") else ["test_*.py"]


def pytest_configure(config: pytest.Config) -> None:
    """What Ray's own code is warned of is no error; what handgrad's is stays one."""
    config.addinivalue_line("filterwarnings", r"ignore::DeprecationWarning:ray\.")


@pytest.fixture(scope="session")
def a_ray() -> Iterator[None]:
    """A Ray of this process's own, with two cores, for all the tests that use it."""
    import ray

    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()

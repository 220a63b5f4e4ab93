"""What holds for the tests on a real Ray; they are left out where it is not installed."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("ray") else ["test_*.py"]

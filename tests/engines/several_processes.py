"""A program in a process of its own: others that it starts compile the same, with one cache.

    python -m tests.engines.several_processes fork

A fork has what its process had. Of the tests' own processes that is more than anyone's program
has: the threads of pyarrow and of servers, which nobody knows how to fork.
"""

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor

from handgrad.engines.compiled import cache
from tests.engines.one_epoch import weights_after_an_epoch


def main(method: str) -> None:
    """Fails if the weights are not the same everywhere, or if one of the others dies."""
    expected = weights_after_an_epoch(0)
    cache.clear()
    with ProcessPoolExecutor(3, multiprocessing.get_context(method)) as others:
        found = [*others.map(weights_after_an_epoch, [0] * 6)]
    assert found == [expected] * 6


if __name__ == "__main__":
    main(sys.argv[1])

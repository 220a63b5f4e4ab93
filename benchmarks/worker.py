"""One peer in a process of its own: makes what it is told to, and times runs of it.

Reads a command a line, as JSON, and answers each with a line of JSON.
"""

import gc
import importlib
import json
import os
import sys
import time
import traceback
from typing import Any, TextIO

from benchmarks.deep_cases import case_of
from benchmarks.matrices import PRODUCTS
from benchmarks.peers import PEERS, NotOffered
from benchmarks.workers import PROCESSOR, WALL

ROWS_COMPARED = 5


def _module(name: str) -> Any:
    return importlib.import_module(f"benchmarks.peers.{PEERS[name].module}")


def _make(name: str, task: str, case: str, rest: list[Any]) -> Any:
    if task == "product":
        return _module(name).product(PRODUCTS[case])
    return getattr(_module(name), task)(case_of(case), *rest, **PEERS[name].options)


def _plain(result: Any) -> Any:
    return result if isinstance(result, float) else result[:ROWS_COMPARED].ravel().tolist()


def _answers(name: str, commands: TextIO) -> Any:
    run = None
    for line in commands:
        command = json.loads(line)
        try:
            started = time.perf_counter()
            if command["do"] == "load":
                _module(name)
                yield {}
            elif command["do"] == "make":
                run = None
                gc.collect()
                run = _make(name, command["task"], command["case"], command["rest"])
                yield {"seconds": time.perf_counter() - started}
            elif run is not None:
                if command["warm"]:
                    run(command["warm"])
                started, worked = time.perf_counter(), time.process_time()
                result = run(command["times"])
                worked, took = time.process_time() - worked, time.perf_counter() - started
                yield {WALL: took, PROCESSOR: worked, "result": _plain(result)}
        except (NotOffered, ImportError) as reason:
            yield {"left_out": str(reason)}
        except Exception:
            yield {"error": traceback.format_exc()}


def main() -> None:
    """Answer until there are no more commands; what libraries print goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for answer in _answers(sys.argv[1], sys.stdin):
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()

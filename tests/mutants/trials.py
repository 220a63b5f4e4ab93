"""Trials of mutants: the tests that reach a changed line, run in a copy of this process.

The process collects the tests once and never runs one: it forks. One child measures which tests
reach which lines; then each mutant gets a child, in which the functions of that file are given
the changed code.
"""

import faulthandler
import gc
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import coverage
import pytest

from tests.mutants.operators import Mutant, mutated

CAUGHT, SURVIVED, NOT_APPLIED = 1, 0, 3
MOST_TESTS, MOST_SECONDS, MEMORY = 60, 10.0, 16 << 30
CORES = 2
FailureOf = Callable[[pytest.Item, pytest.Item | None], str]


class Trials:
    """A pytest plugin that, in place of running the tests, tries mutants on them."""

    def __init__(self, mutants: list[Mutant], root: Path) -> None:
        self.mutants, self.root = mutants, root
        self.results: dict[Mutant, str] = {}
        self.failures: list[str] = []

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Measure what the tests reach, then try each mutant."""
        items = session.items
        session.config.pluginmanager.unregister(name="terminalreporter")
        files = sorted({mutant.file for mutant in self.mutants})
        reached, seconds = measured(items, [str(self.root / file) for file in files], self.failure)
        print(f"{len(items)} tests pass on the source as it is; {len(self.mutants)} mutants:")
        functions = live_functions(files, self.root)
        by_name = {item.nodeid: item for item in items}
        waiting = iter(self.mutants)
        running: dict[int, Mutant] = {}
        while True:
            while len(running) < CORES and (mutant := next(waiting, None)) is not None:
                lines = reached.get(str(self.root / mutant.file), {})
                names = chosen(lines.get(str(mutant.line), []), seconds)
                if not names:
                    self.report(mutant, "unreached")
                    continue
                tests = [by_name[name] for name in names]
                limit = 15 + 10 * sum(seconds[name] for name in names)
                trial = partial(self.trial, mutant, tests, functions, limit)
                running[fork(trial)] = mutant
            if not running:
                return True
            child, status = os.wait()
            words = {SURVIVED: "SURVIVES", NOT_APPLIED: "not applied"}
            code = os.waitstatus_to_exitcode(status)
            self.report(running.pop(child), words.get(code, "caught"))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep how a test fails, in its setup or its teardown too."""
        if report.failed:
            self.failures.append(report.longreprtext)

    def failure(self, item: pytest.Item, following: pytest.Item | None) -> str:
        """How a test fails, nothing if it passes; by the hook, which obeys marks for warnings."""
        self.failures.clear()
        item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
        return "\n".join(self.failures)

    def report(self, mutant: Mutant, result: str) -> None:
        """Note a result; print what a reader should look at."""
        self.results[mutant] = result
        if result != "caught":
            print(f"{result:<12} line {mutant.line:<4} {mutant}", flush=True)

    def trial(
        self,
        mutant: Mutant,
        items: list[pytest.Item],
        functions: dict[tuple[str, str, int, int], list[FunctionType]],
        limit: float,
    ) -> int:
        """Within the child: change the code, run the tests until one fails."""
        # Seconds of this process, which a busy machine does not take away; a mutant that waits
        # for ever uses none.
        for clock, number, seconds in (
            (signal.ITIMER_PROF, signal.SIGPROF, limit),
            (signal.ITIMER_REAL, signal.SIGALRM, 4 * limit),
        ):
            signal.signal(number, signal.SIG_DFL)
            signal.setitimer(clock, seconds)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        path = self.root / mutant.file
        try:
            new = compile(mutated(mutant, path), str(path), "exec", dont_inherit=True)
            changed = give_code(new, functions)
        except (SyntaxError, ValueError):
            return NOT_APPLIED
        if not changed:
            return NOT_APPLIED
        return CAUGHT if any(self.failure(item, rest) for item, rest in pairs(items)) else SURVIVED


def fork(work: Callable[[], int]) -> int:
    """A child that does the work, in silence, and ends with its result."""
    sys.stdout.flush()
    if child := os.fork():
        return child
    code = CAUGHT
    loud, quiet = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    faulthandler.disable()
    try:
        code = work()
    except BaseException:
        os.write(loud, traceback.format_exc().encode())
    os._exit(code)


def pairs(items: list[pytest.Item]) -> Iterator[tuple[pytest.Item, pytest.Item | None]]:
    """Each test with the one after it."""
    yield from zip(items, [*items[1:], None], strict=True)


def measured(
    items: list[pytest.Item], files: list[str], failure_of: FailureOf
) -> tuple[dict[str, dict[str, list[str]]], dict[str, float]]:
    """By file and line the tests that reach it, and how long each test takes, from children."""
    parts = [items[i::CORES] for i in range(CORES)]
    reached: dict[str, dict[str, list[str]]] = {}
    seconds: dict[str, float] = {}
    pipes = []
    for part in parts:
        reading, writing = os.pipe()
        fork(partial(measure, part, files, failure_of, writing))
        os.close(writing)
        pipes.append(reading)
    for reading in pipes:
        with os.fdopen(reading, encoding="utf-8") as pipe:
            text = pipe.read()
        if not text:
            raise RuntimeError("the process that measures what the tests reach has died")
        found = json.loads(text)
        if found["failed"]:
            raise RuntimeError("tests fail on the source as it is:\n" + "\n".join(found["failed"]))
        seconds |= found["seconds"]
        for file, lines in found["reached"].items():
            for line, names in lines.items():
                reached.setdefault(file, {}).setdefault(line, []).extend(names)
        os.wait()
    return reached, seconds


def measure(items: list[pytest.Item], files: list[str], failure_of: FailureOf, writing: int) -> int:
    """Within a child: run tests under coverage, and write what they reach."""
    cover = coverage.Coverage(data_file=None, include=files, config_file=False)
    cover.set_option("run:disable_warnings", ["no-data-collected"])
    seconds, failed = {}, []
    cover.start()
    for item, following in pairs(items):
        cover.switch_context(item.nodeid)
        start = time.process_time()
        if failure := failure_of(item, following):
            failed.append(f"{item.nodeid}\n{failure}")
        seconds[item.nodeid] = time.process_time() - start
    cover.stop()
    data, reached = cover.get_data(), {}
    for file in files:
        lines = data.contexts_by_lineno(file)
        reached[file] = {line: [name for name in names if name] for line, names in lines.items()}
    with os.fdopen(writing, "w", encoding="utf-8") as pipe:
        json.dump({"seconds": seconds, "failed": failed, "reached": reached}, pipe)
    return 0


def chosen(names: list[str], seconds: dict[str, float]) -> list[str]:
    """Some of the tests that reach a line, in order: the quickest first, of each function one."""
    taken: dict[str, int] = {}
    ranked = []
    for name in sorted(names, key=lambda name: seconds[name]):
        function = name.partition("[")[0]
        taken[function] = taken.get(function, 0) + 1
        ranked.append((taken[function], seconds[name], name))
    found: list[str] = []
    total = 0.0
    for _, cost, name in sorted(ranked)[:MOST_TESTS]:
        if found and total + cost > MOST_SECONDS:
            break
        total += cost
        found.append(name)
    return found


def live_functions(
    files: list[str], root: Path
) -> dict[tuple[str, str, int, int], list[FunctionType]]:
    """All functions there are of these files, by what tells their code from other code."""
    paths = {str(root / file) for file in files}
    found: dict[tuple[str, str, int, int], list[FunctionType]] = {}
    for one in gc.get_objects():
        if isinstance(one, FunctionType) and one.__code__.co_filename in paths:
            found.setdefault(key_of(one.__code__), []).append(one)
    return found


def key_of(code: CodeType) -> tuple[str, str, int, int]:
    """File, name and place of a function's code."""
    columns = [c for _, _, c, _ in code.co_positions() if c is not None]
    name: Any = code.co_qualname
    return code.co_filename, name, code.co_firstlineno, min(columns, default=0)


def give_code(
    module: CodeType, functions: dict[tuple[str, str, int, int], list[FunctionType]]
) -> int:
    """Give the functions of a module the code of a changed one; how many are other than before."""
    changed = 0
    for constant in module.co_consts:
        if isinstance(constant, CodeType):
            for function in functions.get(key_of(constant), ()):
                if function.__code__ != constant:
                    function.__code__ = constant
                    changed += 1
            changed += give_code(constant, functions)
    return changed

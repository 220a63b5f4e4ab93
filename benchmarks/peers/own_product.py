"""handgrad's product of two matrices, by the loop program that trains, with nothing else in it."""

from typing import Any

import numpy as np

import handgrad as hg
from benchmarks.matrices import Product
from benchmarks.peers import Run, own  # noqa: F401  — which holds machine code
from handgrad.engines.compiled.machine_code import this_processor
from handgrad.engines.compiled.runner import CallSequence, Runner
from handgrad.engines.loops.element_access import ElementReader
from handgrad.engines.loops.ir import Matrix, Multiply, whole
from handgrad.engines.loops.partitioning import partition_product
from handgrad.engines.loops.program import SCRATCH, Parameter, Program
from handgrad.graph.threads import worker_threads

ROUNDS = 100


def product(given: Product) -> Run:
    """Multiplies the same matrices that many times, and returns their product."""
    (a, b), c = given.operands(), np.empty((given.m, given.n), given.dtype)
    runner = Runner(_program(given))
    crew, by_blas = runner.workers, runner.by_blas
    calls = CallSequence([runner.bind(a=a, b=b, c=c)], ROUNDS)

    def run(times: int) -> Any:
        with worker_threads(by_blas=by_blas) as threads, crew.running(threads):
            for begin in range(0, times, ROUNDS):
                calls.run(min(ROUNDS, times - begin))
        return c

    return run


def _program(given: Product) -> Program:
    m, n, k = whole(given.m), whole(given.n), whole(given.k)
    a = Matrix("a", whole(0), m if given.a_transposed else k, given.a_transposed)
    b = Matrix("b", whole(0), k if given.b_transposed else n, given.b_transposed)
    sizes, elements = (
        (given.m, given.n, given.k),
        ElementReader(hg.trace(hg.Tanh()), this_processor()),
    )
    workspace = elements.workspace(sizes) if elements.target.packs(*sizes) else None
    multiply = Multiply(m, n, k, a, b, Matrix("c", whole(0), n), sizes, workspace=workspace)
    body = [partition_product(elements, multiply)]
    parameters = (*(Parameter(name, "float") for name in "abc"), *SCRATCH)
    return Program("multiply", parameters, body, np.dtype(given.dtype), elements.arena)

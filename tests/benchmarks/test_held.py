"""What the parties are held to, and what counts as the load of others."""

import os
import subprocess
import sys

import pytest
from benchmarks.cases import CASES
from benchmarks.held import PROCESSOR, Held
from benchmarks.machine import PROC, Others
from benchmarks.matrices import PRODUCTS, of_a_step
from llvmlite.binding import get_host_cpu_features


def test_a_process_has_the_threads_and_the_vectors_that_it_is_held_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Nehalem")
    full, narrow = Held(2).environment(), Held(1, avx2=True).environment()
    assert "OPENBLAS_CORETYPE" not in full
    assert PROCESSOR not in full
    assert full["OMP_NUM_THREADS"] == "2"
    assert Held(2).environment(threads=1)["OMP_NUM_THREADS"] == "1"
    assert narrow["OPENBLAS_CORETYPE"] == "Haswell"
    assert "--xla_cpu_max_isa=AVX2" in narrow["XLA_FLAGS"]
    assert "--xla_cpu_multi_thread_eigen=false" in narrow["XLA_FLAGS"]


@pytest.mark.skipif(not get_host_cpu_features().get("avx2"), reason="there is no AVX2 here")
def test_handgrad_makes_machine_code_for_the_processor_it_is_held_to() -> None:
    program = "import benchmarks.peers.own, llvmlite.binding as b; print(b.get_host_cpu_name())"
    command = [sys.executable, "-c", program]
    for held, narrow in ((Held(1), False), (Held(1, avx2=True), True)):
        printed = subprocess.check_output(command, text=True, env=held.environment())
        assert (printed.strip() == "haswell") is narrow


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="nothing binds a process here")
def test_who_is_held_to_one_core_is_bound_to_it_for_a_while() -> None:
    before = os.sched_getaffinity(0)
    with Held(1).pinned():
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before


@pytest.mark.skipif(not (PROC / "stat").exists(), reason="the system does not tell")
def test_what_our_own_processes_do_is_no_load_of_others() -> None:
    others = Others()
    assert others.cores is None
    with others.watched():
        subprocess.run([sys.executable, "-c", "sum(range(10**6))"], check=True)
    assert others.cores is not None
    assert others.cores >= 0


def test_products_of_a_step_are_its_operations() -> None:
    case = CASES["L"]
    assert sum(product.operations for product in of_a_step(case)) == case.operations


def test_products_of_many_shapes_are_timed() -> None:
    assert len(PRODUCTS) >= 30
    assert {product.dtype for product in PRODUCTS.values()} == {"float32", "float64"}
    for product in PRODUCTS.values():
        if product.operations < 1e6:
            a, b = product.operands()
            sides = a.T if product.a_transposed else a, b.T if product.b_transposed else b
            assert (sides[0] @ sides[1]).shape == (product.m, product.n)

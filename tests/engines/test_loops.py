"""The loop program: it prints as Python, runs as Python, and is the same in machine code."""

import itertools
import math
import re
from collections.abc import Sequence
from operator import add, mul
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import handgrad as hg
from handgrad.engines.compiled.plan import prediction_of
from handgrad.engines.compiled.python import PythonRunner
from handgrad.engines.compiled.runner import Runner
from handgrad.engines.loops.element_access import batch_size_expression
from handgrad.engines.loops.ir import (
    Call,
    Comment,
    Expression,
    For,
    Let,
    Load,
    Matrix,
    Multiply,
    Num,
    ReturnIf,
    Statement,
    Store,
    Type,
    Var,
    cast,
    whole,
)
from handgrad.engines.loops.printing import source, text_of
from handgrad.engines.loops.program import FINISHED, SCRATCH, Parameter, Program
from handgrad.graph.symbolic import Dim, Ratio, Scaled, Scaling
from tests.graph.one_liners import ONE_LINERS, Page, page_of, random_pages

AT, N = Var("i", "int"), Var("n", "int")
NAN, INF = math.nan, math.inf


def load(buffer: str, index: Expression = AT, type: Type = "float") -> Load:
    return Load(buffer, index, type)


def test_a_nest_prints_as_python() -> None:
    body: list[Statement] = [
        Comment("linear.py:12"),
        Let("a0", Num(0.0, "float")),
        For("i", N, [Let("a0", Var("a0", "float") + load("A"))]),
        For("k", N, [Store("B", Var("k", "int"), Num(True, "bool"))], step=4),
        ReturnIf(Call("less", (Var("a0", "float"), Num(0.5, "float")), "bool"), whole(3)),
    ]
    assert source(body) == [
        "# linear.py:12",
        "a0 = 0.0",
        "for i in range(n):",
        "    a0 += A[i]",
        "for k in range(0, n, 4):",
        "    B[k] = True",
        "if a0 < 0.5:",
        "    return 3",
    ]


def test_a_matrix_product_prints_with_its_sizes_and_places() -> None:
    a = Matrix("A", whole(16), whole(3))
    b = Matrix("P", whole(2) * N, whole(5), transposed=True)
    c = Matrix("G", whole(0), whole(4))
    (line,) = source([Multiply(N, whole(4), whole(3), a, b, c, (9, 4, 3))], indent=1)
    assert line == (
        "    matrix_product(n, 4, 3, (A, 16, 3, False), (P, 2 * n, 5, True), (G, 0, 4, False))"
    )


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (Num(-INF, "float"), "-inf"),
        (Num(INF, "float"), "inf"),
        (Num(2, "int"), "2"),
        (Call("negative", (load("A"),), "float"), "-A[i]"),
        (Call("where", (load("B", type="bool"), AT, N), "int"), "i if B[i] else n"),
        (Call("tanh", (load("A"),), "float"), "tanh(A[i])"),
        (Call("maximum", (load("A"), load("X")), "float"), "maximum(A[i], X[i])"),
        (Call("logical_and", (load("B"), load("B")), "bool"), "B[i] and B[i]"),
        (Call("logical_not", (load("B"),), "bool"), "not B[i]"),
        (
            Call("logical_and", (Call("logical_not", (load("B"),), "bool"), load("B")), "bool"),
            "not B[i] and B[i]",
        ),
        (
            Call("equal", (Call("logical_not", (load("B"),), "bool"), load("B")), "bool"),
            "(not B[i]) == B[i]",
        ),
        (
            Call("logical_not", (Call("logical_or", (load("B"), load("B")), "bool"),), "bool"),
            "not (B[i] or B[i])",
        ),
        (AT + (N + AT) * whole(4), "i + (n + i) * 4"),
        (
            load("A") + (load("A") + load("X")),
            "A[i] + (A[i] + X[i])",
        ),
        (AT - N - AT, "i - n - i"),
        (AT - (N - AT), "i - (n - i)"),
        (Call("power", (Num(-2.0, "float"), AT), "float"), "(-2.0) ** i"),
        (Call("power", (Call("power", (N, AT), "int"), AT), "int"), "(n ** i) ** i"),
        (Call("negative", (Call("power", (N, AT), "int"),), "int"), "-n ** i"),
        (Call("power", (Call("negative", (N,), "int"), AT), "int"), "(-n) ** i"),
        (Call("negative", (Call("negative", (N,), "int"),), "int"), "-(-n)"),
        (Call("less", (Call("less", (AT, N), "bool"), N), "bool"), "(i < n) < n"),
        (cast(AT, "float"), "number(i)"),
        (cast(AT, "double"), "float(i)"),
        (cast(load("A"), "int"), "int(A[i])"),
        (cast(load("A"), "bool"), "bool(A[i])"),
        (cast(load("A"), "float"), "A[i]"),
    ],
)
def test_an_expression_prints_as_python(expression: Expression, text: str) -> None:
    assert text_of(expression) == text


@pytest.mark.parametrize("scaling", Scaling)
@pytest.mark.parametrize("k", [1.0, 3.0, -0.75])
def test_what_follows_the_batch_size_is_computed_from_it(scaling: Scaling, k: float) -> None:
    rule = Scaled(scaling, k)
    for value in (rule, Ratio(rule, 3.0), Ratio(2, rule), Dim(2, -1), Ratio(Dim(1), rule)):
        text = text_of(batch_size_expression(value))
        for n in (2, 7, 32, 1000):
            found = eval(text, {"n": n, "sqrt": math.sqrt, "log": math.log})
            assert found == value.at(n), text


WHOLE = st.recursive(
    st.one_of(st.integers(-9, 9).map(whole), st.sampled_from([AT, N])),
    lambda inner: st.tuples(st.sampled_from([add, mul]), inner, inner),
    max_leaves=12,
)


@given(WHOLE, st.integers(0, 9), st.integers(1, 9))
def test_sums_and_products_known_beforehand_are_the_same_numbers(tree: Any, i: int, n: int) -> None:
    names = {"i": i, "n": n}

    def built(node: Any) -> Expression:
        return node[0](built(node[1]), built(node[2])) if isinstance(node, tuple) else node

    def computed(node: Any) -> int:
        if isinstance(node, tuple):
            a, b = computed(node[1]), computed(node[2])
            return a + b if node[0] is add else a * b
        return int(node.value) if isinstance(node, Num) else names[node.name]

    expression = built(tree)
    assert eval(text_of(expression), dict(names)) == computed(tree)
    assert expression.type == "int"


def predicted(page: Page, make: Any, *, batch_size: int = 3, n: int = 7) -> tuple[Any, Any]:
    """Predictions by the loop program, and the page's own, batch by batch."""
    net = hg.Net(page, dtype=np.float64)
    x = np.random.default_rng(n).standard_normal((n, 4))
    with np.errstate(all="ignore"):
        run = make(prediction_of(net, x, batch_size))
        found = np.full((n, *run.output_shape), np.nan)
        run.scratch["scratch"][...] = np.nan
        weights = {"parameters": net.parameters, "state": net.running_state}
        assert run(n_rows=n, x=x, **weights, predictions=found) == FINISHED
        batches = [x[start : start + batch_size] for start in range(0, n, batch_size)]
        return found, np.concatenate([page.forward(batch) for batch in batches])


@pytest.mark.parametrize("name", ONE_LINERS)
@pytest.mark.parametrize("make", [PythonRunner, Runner])
def test_a_page_of_one_operation_is_itself_as_a_program(name: str, make: Any) -> None:
    found, expected = predicted(Page(ONE_LINERS[name]), make)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("forward", "loops"),
    [
        (lambda x: np.exp(x), ["4 * n"]),
        (lambda x: np.where(x > 0, x * x.sum(), 2.0), ["4 * n", "4 * n"]),
        (lambda x: np.exp(x[:, ::-1]), ["n", "4"]),
        (lambda x: x + np.ones(4, np.float32), ["n", "4"]),
        (lambda x: np.exp(x.sum(axis=1, keepdims=True)), ["n", "4", "n"]),
    ],
)
def test_what_lies_in_one_row_is_one_loop(forward: Any, loops: list[str]) -> None:
    net, x = hg.Net(Page(forward)), np.ones((4, 4), np.float32)
    lines = prediction_of(net, x, 3).source()
    counted = re.findall(r"range\((.*)\):", lines)
    assert counted[2 : len(loops) + 2] == loops  # after the batches, and the check of the rows


@pytest.mark.parametrize("make", [PythonRunner, Runner])
def test_whole_numbers_are_cut_off_and_not_rounded(make: Any) -> None:
    found, expected = predicted(Page(lambda x: (3 * x).astype(int) + x), make)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@settings(max_examples=60, derandomize=True)
@given(random_pages(), st.sampled_from([1, 3, 7]))
def test_a_random_page_is_itself_as_python(text: str, batch_size: int) -> None:
    found, expected = predicted(page_of(text), PythonRunner, batch_size=batch_size)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


@settings(max_examples=20, derandomize=True)
@given(random_pages())
def test_a_random_page_is_itself_in_machine_code(text: str) -> None:
    found, expected = predicted(page_of(text), Runner)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


def results(
    operations: Sequence[tuple[str, int, Type]],
    given: Type,
    inputs: Any,
    dtype: Any,
    make: Any,
) -> list[Any]:
    """What the operations (name, arguments, type) give for every pair of the inputs."""
    memory = {"float": dtype, "int": np.int64, "bool": np.bool_}
    pairs = np.array(list(itertools.product(inputs, repeat=2)), memory[given])
    arguments = tuple(Load(name, AT, given) for name in ("U", "V"))
    body: list[Statement] = [
        For("i", N, [Store(f"R{k}", AT, Call(name, arguments[:count], type))])
        for k, (name, count, type) in enumerate(operations)
    ]
    names = [Parameter(f"R{k}", type) for k, (_, _, type) in enumerate(operations)]
    buffers = (Parameter("U", given), Parameter("V", given), *names)
    parameters = (Parameter("n", "int", buffer=False), *buffers, *SCRATCH)
    program = Program("apply", parameters, body, np.dtype(dtype))
    out = [np.zeros(len(pairs), memory[type]) for _, _, type in operations]
    arrays = [np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1]), *out]
    given_names = ["n", "U", "V", *(f"R{k}" for k in range(len(out)))]
    make(program)(**dict(zip(given_names, [len(pairs), *arrays], strict=True)))
    return [(array, arrays[0], arrays[1]) for array in out]


NUMBERS: list[tuple[str, int, Type]] = [
    *((name, 2, "float") for name in ("add", "subtract", "multiply", "divide", "power")),
    *((name, 2, "float") for name in ("maximum", "minimum")),
    *((name, 1, "float") for name in ("negative", "abs", "sign", "floor", "ceil", "exp", "log")),
    *((name, 1, "float") for name in ("sqrt", "tanh", "sin", "cos")),
    *((name, 2, "bool") for name in ("less", "less_equal", "greater", "greater_equal")),
    *((name, 2, "bool") for name in ("equal", "not_equal")),
    *((name, 1, "bool") for name in ("isnan", "isfinite")),
]
WHOLES: list[tuple[str, int, Type]] = [
    *((name, 2, "int") for name in ("add", "subtract", "multiply", "maximum", "minimum")),
    ("negative", 1, "int"),
    *((name, 2, "bool") for name in ("less", "less_equal", "greater", "greater_equal")),
    *((name, 2, "bool") for name in ("equal", "not_equal")),
]
TRUTHS: list[tuple[str, int, Type]] = [
    *((name, 2, "bool") for name in ("logical_and", "logical_or", "equal", "not_equal")),
    ("logical_not", 1, "bool"),
]
SPECIAL = [NAN, INF, -INF, 0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 1e-3, 40.0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("operations", "given", "inputs"),
    [(NUMBERS, "float", SPECIAL), (WHOLES, "int", [-2, 0, 1, 7]), (TRUTHS, "bool", [True, False])],
    ids=["numbers", "whole numbers", "truth values"],
)
def test_machine_code_computes_what_numpy_does_with_nan_and_infinities_too(
    operations: Any, given: Type, inputs: Any, dtype: Any
) -> None:
    found = results(operations, given, inputs, dtype, Runner)
    for (name, count, _), (values, a, b) in zip(operations, found, strict=True):
        with np.errstate(all="ignore"):
            expected = getattr(np, name)(*(a, b)[:count])
        np.testing.assert_allclose(values, expected, 8 * np.finfo(dtype).eps, err_msg=name)


CASTS: dict[Type, list[Any]] = {
    "float": [-2.5, -1.0, 0.0, 0.4, 3.9],
    "int": [-2, 0, 1, 7],
    "bool": [True, False],
}


@pytest.mark.parametrize("given", CASTS)
@pytest.mark.parametrize("make", [PythonRunner, Runner])
def test_a_cast_gives_what_numpys_astype_gives(given: Type, make: Any) -> None:
    targets: list[Type] = ["float", "int", "bool"]
    operations = [("cast", 1, target) for target in targets if target != given]
    for (_, _, target), (values, a, _) in zip(
        operations, results(operations, given, CASTS[given], np.float64, make), strict=True
    ):
        np.testing.assert_array_equal(values, a.astype({"float": np.float64}.get(target, target)))

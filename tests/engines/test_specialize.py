"""Plain programs fitted to their use, and where their variables are declared."""

import pytest

from handgrad.engines.loops.ir import (
    Body,
    Call,
    Comment,
    Draw,
    Expression,
    For,
    Let,
    Load,
    Num,
    ReturnIf,
    Store,
    Var,
    least,
    whole,
)
from handgrad.engines.portable.printing.c import CPrinter
from handgrad.engines.portable.printing.c_family import CFamilyPrinter
from handgrad.engines.portable.printing.javascript import JavaScriptPrinter
from handgrad.engines.portable.printing.specialize import (
    buffers_of,
    replace_loads,
    substitute,
    without_early_returns,
    without_stores,
)

PLACE, J, N = (Var(name, "int") for name in "ijn")
X: Expression = Load("x", PLACE, "float")


def number(value: float) -> Num:
    return Num(value, "float")


def text(body: Body) -> list[str]:
    return JavaScriptPrinter(single=False).lines(body, 0)


def test_what_follows_from_known_numbers_is_computed() -> None:
    body: Body = [
        Let("n", least(whole(4), Var("n_rows", "int") - Var("start", "int"))),
        For("i", N * whole(2), [Store("y", PLACE + Var("start", "int") * whole(3), X)]),
    ]
    fitted = substitute(body, {"n_rows": whole(3), "start": whole(0)})
    assert text(fitted) == ["for (let i = 0; i < 6; i++) {", "  y[i] = x[i];", "}"]


def test_a_loop_of_one_round_is_none_and_one_of_no_round_is_nothing() -> None:
    inner: Body = [Store("y", PLACE * whole(4) + J, X)]
    body: Body = [For("i", N, [For("j", whole(4), inner)])]
    assert text(substitute(body, {"n": whole(1)})) == [
        "for (let j = 0; j < 4; j++) {",
        "  y[j] = x[0];",
        "}",
    ]
    assert substitute(body, {"n": whole(0)}) == []
    steps: Body = [For("i", N, inner, step=4, begin=whole(2))]
    assert text(substitute(steps, {"n": whole(6), "j": whole(1)})) == ["y[9] = x[2];"]


def test_a_variable_that_changes_keeps_its_statements() -> None:
    left = Var("left", "int")
    body: Body = [
        Let("left", whole(0)),
        For("i", N, [Let("left", PLACE + whole(4))], step=4),
        For("j", N, [Store("y", J, X)], begin=left),
    ]
    assert text(substitute(body, {"n": whole(4)}))[:2] == ["let left = 0;", "left = 4;"]


def test_a_counter_that_comes_again_is_not_the_old_one() -> None:
    body: Body = [
        For("i", whole(1), [Store("y", PLACE, X)]),
        For("i", whole(2), [Store("y", PLACE, X)]),
    ]
    assert text(substitute(body, {})) == [
        "y[0] = x[0];",
        "for (let i = 0; i < 2; i++) {",
        "  y[i] = x[i];",
        "}",
    ]


def test_what_nobody_asks_for_is_left_out_and_what_only_that_needed() -> None:
    total = Var("total", "float")
    body: Body = [
        Comment("kept"),
        Let("total", X),
        Store("y", whole(0), total),
        Comment("of what is gone"),
        Let("other", total * total),
        For("i", N, [Store("kept", PLACE, Var("other", "float"))]),
        Comment("kept too"),
        Store("y", whole(1), total),
    ]
    fitted = without_stores(body, ["kept"])
    assert text(fitted) == [
        "// kept",
        "const total = x[i];",
        "y[0] = total;",
        "// kept too",
        "y[1] = total;",
    ]


def test_a_buffer_that_is_read_stays() -> None:
    body: Body = [Store("kept", whole(0), X), Store("y", whole(0), Load("kept", whole(0), "float"))]
    assert without_stores(body, ["kept"]) == body


def test_a_sum_that_nobody_reads_is_none() -> None:
    total = Var("total", "float")
    body: Body = [Let("total", number(0)), For("i", N, [Let("total", total + X)])]
    assert without_stores(body, []) == []


def test_numbers_that_are_read_may_be_others() -> None:
    rate = Load("rates", Var("step", "int"), "double")
    body: Body = [For("i", N, [Let("a", Call("multiply", (rate, rate), "double"))])]
    (loop,) = replace_loads(body, "rates", Var("rate", "double"))
    assert isinstance(loop, For)
    assert text([*loop.body]) == ["const a = rate * rate;"]


def test_checks_are_left_out_wherever_they_stand() -> None:
    check = ReturnIf(Call("isnan", (X,), "bool"), whole(1))
    body: Body = [For("i", N, [check, Store("y", PLACE, X)]), check]
    assert without_early_returns(body) == [For("i", N, [Store("y", PLACE, X)])]


def test_buffers_are_those_that_are_read_or_filled() -> None:
    body: Body = [For("i", Load("m", whole(0), "int"), [Store("y", PLACE, X)])]
    assert buffers_of(body) == {"m", "x", "y"}
    assert buffers_of([Draw(0, "z", whole(0), N)]) == {"z", "streams"}


def test_variables_are_declared_where_all_that_need_them_are() -> None:
    a, b = Var("a", "float"), Var("b", "float")
    body: Body = [
        For("i", N, [Let("a", X), Let("b", a)]),
        Let("c", number(1)),
        For(
            "j", N, [Let("c", Var("c", "float") + b), Let("d", b), Store("y", J, Var("d", "float"))]
        ),
    ]
    assert text(body) == [
        "let b;",
        "for (let i = 0; i < n; i++) {",
        "  const a = x[i];",
        "  b = a;",
        "}",
        "let c = 1;",
        "for (let j = 0; j < n; j++) {",
        "  c = c + b;",
        "  const d = b;",
        "  y[j] = d;",
        "}",
    ]


def test_operations_keep_their_order_in_text() -> None:
    a, b, c = (Var(name, "float") for name in "abc")
    condition = Call("logical_or", (a < b, Call("logical_and", (b < c, a < c), "bool")), "bool")
    chosen = Call("where", (condition, a - (b - c), -(a * b)), "float")
    assert (
        JavaScriptPrinter(single=False).text(chosen)
        == "a < b || (b < c && a < c) ? a - (b - c) : -(a * b)"
    )
    product = Call("multiply", (a + b, a / (b / c)), "float")
    assert JavaScriptPrinter(single=False).text(product) == "(a + b) * (a / (b / c))"
    assert JavaScriptPrinter(single=True).text(a * b + number(0.1)) == "f32(f32(a * b) + f32(0.1))"
    assert JavaScriptPrinter(single=True).text(a * b + number(0.5)) == "f32(f32(a * b) + 0.5)"
    assert JavaScriptPrinter(single=True).text(-(a * -b)) == "-f32(a * -b)"


@pytest.mark.parametrize("writer", [JavaScriptPrinter(single=True), CPrinter(single=True)])
def test_a_function_of_functions_of_functions_is_written_once(
    writer: CFamilyPrinter, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    name_of = type(writer).buffer

    def noted(self: CFamilyPrinter, name: str) -> str:
        written.append(name)
        return name_of(self, name)

    monkeypatch.setattr(type(writer), "buffer", noted)
    value = X
    for name in ("tanh", "exp", "sqrt", "log", "floor", "abs") * 3:
        value = Call(name, (value,), "float")
    assert writer.text(value).count("tanh") == 3
    assert written == ["x"]

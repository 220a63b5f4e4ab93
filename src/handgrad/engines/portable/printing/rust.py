"""Rust printer of plain programs, and a file of a model that predicts with them."""

import math
from collections.abc import Collection, Sequence

import numpy as np

from handgrad.engines.loops.functions.function import Function
from handgrad.engines.loops.ir import Call, Expression, For, Type, Var
from handgrad.engines.portable.functions import functions_of
from handgrad.engines.portable.model import PortableModel
from handgrad.engines.portable.printing.c_family import (
    CONDITIONAL,
    CFamilyPrinter,
    RuntimeSnippets,
    number_text,
    wrapped,
)
from handgrad.engines.portable.printing.specialize import (
    buffers_of,
    of_one_row,
)
from handgrad.textbook.layers import Array

# For each type: its name {number}, the unsigned and signed integers of its bits {word} {signed}.
TYPED = {
    "maximum": """\
/// The larger of two numbers; propagates NaN.
fn maximum(x: {number}, y: {number}) -> {number} {{
    if x > y || x != x {{ x }} else {{ y }}
}}""",
    "minimum": """\
/// The smaller of two numbers; propagates NaN.
fn minimum(x: {number}, y: {number}) -> {number} {{
    if x < y || x != x {{ x }} else {{ y }}
}}""",
    "whole": """\
/// Truncate to an integer; the lowest integer if the number is out of range.
fn whole(x: {number}) -> i32 {{
    if x >= -2147483648.0 && x < 2147483648.0 {{ x as i32 }} else {{ i32::MIN }}
}}""",
    "has_bit": """\
/// Bit k of an integer.
fn has_bit(n: {number}, k: i32) -> bool {{
    (n as i64) >> k & 1 != 0
}}""",
    "power_of_two": """\
/// 2 to the power of n, made from its bits.
fn power_of_two(n: i32) -> {number} {{
    {number}::from_bits(((n + {bias}) as {word}) << {digits})
}}""",
    "times_power_of_two": """\
/// 2 to the power of n, times y, in two factors: one factor could overflow.
fn times_power_of_two(y: {number}, n: {number}) -> {number} {{
    let all = n as i32;
    y * power_of_two(all >> 1) * power_of_two(all - (all >> 1))
}}""",
    "exponent": """\
/// The integer n of x = 2^n m, with m between the square roots of 1/2 and 2.
fn exponent(x: {number}) -> {number} {{
    ((x.to_bits().wrapping_sub({root}) as {signed}) >> {digits}) as {number}
}}""",
    "significand": """\
/// The m of x = 2^n m.
fn significand(x: {number}) -> {number} {{
    let n = (x.to_bits().wrapping_sub({root}) as {signed}) >> {digits};
    {number}::from_bits(x.to_bits().wrapping_sub((n << {digits}) as {word}))
}}""",
}
FLOAT = {
    "number": "f32",
    "word": "u32",
    "signed": "i32",
    "bias": 127,
    "digits": 23,
    "root": "0x3f3504f3",
}
DOUBLE = {
    "number": "f64",
    "word": "u64",
    "signed": "i64",
    "bias": 1023,
    "digits": 52,
    "root": "0x3fe6a09e667f3bcd",
}
RUNTIME = RuntimeSnippets(
    {},
    {name: text.format(**FLOAT) for name, text in TYPED.items()},
    {name: text.format(**DOUBLE) for name, text in TYPED.items()},
)
# Methods of numbers: exact, or rounded once.
METHODS = {
    "isfinite": "is_finite",
    "isnan": "is_nan",
    "signbit": "is_sign_negative",
    "floor": "floor",
    "ceil": "ceil",
    "rint": "round_ties_even",
    "abs": "abs",
    "sqrt": "sqrt",
}
NONE: dict[Type, str] = {"float": "0.0", "double": "0.0", "int": "0", "bool": "false"}

FILE = """\
{heading}
#![allow(warnings, clippy::all)]

{constants}

/// Predict a row: x has {width} numbers, the prediction {n_out}.{refused}
pub fn predict(x: &[{x}; {width}]) -> {result} {{
{body}
}}

{functions}

#[cfg(test)]
mod tests {{
    /// Rows, and the bits of their predictions.
    const ROWS: [[{row}; {width}]; {n}] = [
{rows}
    ];
    const ANSWERS: [[{word}; {n_out}]; {n}] = [
{answers}
    ];

    #[test]
    fn predictions_have_the_same_bits() {{
        for (row, answers) in ROWS.iter().zip(&ANSWERS) {{
            let p = super::predict(&row{read}){some};
            for (p, answer) in p.iter().zip(answers) {{
                let q = {number}::from_bits(*answer);
                assert!(p.to_bits() == *answer || p.is_nan() && q.is_nan(), "{{p:?}}, not {{q:?}}");
            }}
        }}
    }}
}}
"""
INDENT, WIDEST = "    ", 100


class RustPrinter(CFamilyPrinter):
    """Prints Rust."""

    runtime = RUNTIME

    @property
    def types(self) -> dict[Type, str]:
        """The names of types."""
        number = "f32" if self.single else "f64"
        return {"float": number, "double": "f64", "int": "i32", "bool": "bool"}

    def declared(self, variable: Var, value: str, *, constant: bool) -> str:
        words = f"let {'' if constant else 'mut '}{variable.name}: {self.types[variable.type]}"
        return f"{words} = {value or NONE[variable.type]}"

    def number(self, value: float, type: Type) -> str:
        if type == "bool":
            return str(bool(value)).lower()
        if type == "int":
            return str(int(value))
        return rust_number(np.float32(value) if self.types[type] == "f32" else np.float64(value))

    def cast(self, argument: Expression, type: Type, around: int) -> str:
        before, after = self.types[argument.type], self.types[type]
        if before == after:
            return self.text(argument, around)
        if after == "bool":
            return f"({self.text(argument)} != {NONE[argument.type]})"
        if after == "i32" and before != "bool":
            return self.called("whole", (argument,), "int")
        by = " as i32" if before == "bool" else ""
        return f"(({self.text(argument)}){by} as {after})"

    def operation(self, name: str, arguments: tuple[Expression, ...], type: Type) -> str | None:
        number, texts = self.types[arguments[0].type], ", ".join(map(self.text, arguments))
        if name in METHODS:
            return f"{number}::{METHODS[name]}({texts})"
        if name in ("maximum", "minimum") and type == "int":
            return f"{number}::{name[:3]}({texts})"
        return None

    def opening(self, function: Function) -> str:
        parameters = ", ".join(f"{p.name}: {self.types[p.type]}" for p in function.parameters)
        return f"fn {function.name}({parameters}) -> {self.types[function.result.type]} {{"

    def text(self, expression: Expression, around: int = CONDITIONAL) -> str:
        if isinstance(expression, Call) and expression.operation == "where":
            condition, a, b = map(self.text, expression.arguments)
            return f"(if {condition} {{ {a} }} else {{ {b} }})"
        return super().text(expression, around)

    def place(self, buffer: str, index: Expression) -> str:
        name = buffer.upper() if buffer in ("parameters", "state", "tables") else buffer
        return f"{name}[({self.text(index)}) as usize]"

    def assigned(self, place: str, before: Expression, value: Expression) -> str:
        return f"{place} = {self.text(value)};"

    def loop(self, loop: For) -> str:
        step = f".step_by({loop.step})" if loop.step > 1 else ""
        return f"for {loop.counter} in ({self.text(loop.begin)}..{self.text(loop.stop)}){step} {{"


def rust_number(number: np.generic) -> str:
    """A float32 or float64 number as a Rust constant."""
    value, type = number.item(), {4: "f32", 8: "f64"}[number.dtype.itemsize]
    if math.isnan(value):
        return f"{type}::NAN"
    if math.isinf(value):
        return f"{type}::INFINITY" if value > 0 else f"{type}::NEG_INFINITY"
    text = number_text(number)
    return text + (".0" if text.lstrip("-").isdigit() else "")


def rust_module(model: PortableModel, heading: Sequence[str], x: Array, p: Array) -> str:
    """Print a Rust file of a model, for one row at a time; it shares no variables.

    Parameters
    ----------
    model : PortableModel
        Made with `copies=False`.
    heading : sequence of str
        The first lines of the file's comment.
    x : array
        Rows for a test in the file, which compares bits.
    p : array
        Their predictions.
    """
    printer = RustPrinter(bool(model.dtype == np.float32))
    prediction = of_one_row(model.prediction)
    body = prediction.body
    sizes, used = model.sizes(prediction, 1), buffers_of(body)
    types = {q.name: q for q in prediction.parameters if q.name in used or q.name == "x"}
    functions = ["\n".join(printer.function(f)) for f in functions_of(prediction)]
    checks = _checks(model, types["x"].type)
    buffers = [
        f"{INDENT}let mut {name} = vec![{NONE[q.type]} as {printer.types[q.type]}; {sizes[name]}];"
        for name, q in types.items()
        if name not in ("x", "parameters", "state", "tables", "predictions")
    ]
    number, n_out = printer.types["float"], math.prod(model.output_shape)
    buffers.append(f"{INDENT}let mut predictions = [0.0; {n_out}];")
    lines = [*checks, *buffers, *printer.lines(body)]
    lines.append(f"{INDENT}{'Some(predictions)' if checks else 'predictions'}")
    word, of_floats = np.dtype(f"u{model.dtype.itemsize}"), types["x"].type == "float"
    x = np.ascontiguousarray(x, model.dtype if of_floats else np.int32).reshape(len(x), -1)
    p = np.ascontiguousarray(p, model.dtype).reshape(len(x), -1)
    result = f"[{number}; {n_out}]"
    return FILE.format(
        heading="\n".join(f"//! {line}".rstrip() for line in heading),
        constants="\n\n".join(_constants(model, used)),
        functions="\n\n".join(
            [*printer.runtime.used(printer.used, single=printer.single), *functions]
        ),
        x=printer.types[types["x"].type],
        result=f"Option<{result}>" if checks else result,
        refused="\n/// `None` if an index is out of range." if checks else "",
        some=".unwrap()" if checks else "",
        body="\n".join(lines),
        n=len(x),
        width=x.shape[1],
        n_out=n_out,
        word=f"u{8 * word.itemsize}",
        number=number,
        row=f"u{8 * word.itemsize}" if of_floats else "i32",
        read=f".map({number}::from_bits)" if of_floats else "",
        rows=_words(x.view(word) if of_floats else x),
        answers=_words(p.view(word)),
    )


def _checks(model: PortableModel, type: Type) -> list[str]:
    """Statements that return if an index in a row is out of range."""
    zero = NONE[type]
    return [
        f"{INDENT}if !(x[{i}] >= {zero} && x[{i}] < {bound.size}{zero[1:]}) {{ return None; }}"
        for bound in model.prediction.bounds.get("x", ())
        for i in bound.positions(math.prod(model.rows["x"]))
    ]


def _constants(model: PortableModel, used: Collection[str]) -> list[str]:
    """The declarations of weights and tables."""
    constants = [_weights(model, name) for name in ("parameters", "state") if name in used]
    if "tables" in used:
        numbers = np.concatenate([table.ravel() for table in model.prediction.tables])
        constants.append(_array("TABLES", numbers, _numbers(numbers)))
    return constants


def _weights(model: PortableModel, name: str) -> str:
    """The weights, each array below its name."""
    numbers: Array = getattr(model, name)
    lines = list[str]()
    for title, array in model.arrays_in(name, numbers):
        lines += [f"{INDENT}// {title}", *_numbers(array)]
    return _array(name.upper(), numbers, lines)


def _array(name: str, numbers: Array, lines: Sequence[str]) -> str:
    type = f"f{8 * numbers.dtype.itemsize}"
    return "\n".join([f"static {name}: [{type}; {numbers.size}] = [", *lines, "];"])


def _numbers(numbers: Array) -> list[str]:
    return wrapped([f"{rust_number(number)}," for number in numbers.ravel()], WIDEST, INDENT)


def _words(rows: Array) -> str:
    """Rows of integers as constants."""
    lines = (wrapped([f"{n}," for n in row], WIDEST, 3 * INDENT) for row in rows.tolist())
    return "\n".join("\n".join([f"{2 * INDENT}[", *row, f"{2 * INDENT}],"]) for row in lines)

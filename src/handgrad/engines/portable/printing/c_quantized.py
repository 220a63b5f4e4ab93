"""C99 module of a quantized model: integers only, but for the conversion of floats."""

from __future__ import annotations

import linecache
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from handgrad.engines.portable.printing.c import PREFIX, RUNTIME, c_number, comment_text
from handgrad.engines.portable.printing.c_family import wrapped
from handgrad.engines.portable.printing.c_module import FLASH, with_prefix
from handgrad.engines.portable.quantized_model import (
    HIGH,
    LOW,
    Constants,
    Fill,
    IntegerStep,
    Largest,
    Lookup,
    QuantizedModel,
    SoftmaxByTable,
    Sum,
)
from handgrad.engines.portable.strides import Access
from handgrad.textbook.layers import Array

WIDEST = 100
COUNTERS = "ijklmnpqrstuvw"
CTYPES = {"int8": "int8_t", "uint16": "uint16_t", "int32": "int32_t", "float32": "float"}
REQUANTIZED = """\
/* A sum as int8: times multiplier / 2^shift, rounded, plus the zero point, within limits. */
static int8_t $requantized(int32_t sum, int32_t multiplier, int shift, int zero, int low,
                           int high) {
  const int64_t product = (int64_t)sum * multiplier + (INT64_C(1) << (shift - 1));
  const int64_t code = (product >> shift) + zero;
  return (int8_t)(code < low ? low : code > high ? high : code);
}"""
BORDER = """\
/* Quantize a row: x has {n_x} numbers, codes too. */
void $quantize(const float *x, int8_t *codes) {{
  for ({int} i = 0; i < {n_x}; i++) {{
    const float code = $rint(x[i] * {gain} + {shift});
    codes[i] = (int8_t)(code > -128.0f ? (code < 127.0f ? code : 127.0f) : -128.0f);
  }}
}}

/* Predict a row: x has {n_x} numbers, predictions {n_out}. Returns 0. */
int $predict(const float *x, float *predictions) {{
  int8_t codes[{n_x}], results[{n_out}];
  $quantize(x, codes);
  $predict_int8(codes, results);
  for ({int} i = 0; i < {n_out}; i++) predictions[i] = (float)(results[i] - {zero}) * {scale};
  return 0;
}}"""
CHECK = """\
#ifdef HANDGRAD_CHECK
#include <stdio.h>

/* {rows} rows of codes, and the codes of their predictions. */
static const int8_t $rows[] = {{
{x}
}};

static const int8_t $answers[] = {{
{p}
}};

int main(void) {{
  int8_t predictions[{n_out}];
  for (int i = 0; i < {rows}; i++) {{
    $predict_int8($rows + i * {n_x}, predictions);
    for (int k = 0; k < {n_out}; k++) {{
      if (predictions[k] != $answers[i * {n_out} + k]) {{
        printf("row %d: %d, not %d\\n", i, predictions[k], $answers[i * {n_out} + k]);
        return 1;
      }}
    }}
  }}
  printf("{rows} rows, same bits\\n");
  return 0;
}}
#endif"""
PREDICT = "void $predict_int8(const int8_t *x, int8_t *predictions)"
CALLS = (
    "int $predict(const float *x, float *predictions);",
    f"{PREDICT};",
    "void $quantize(const float *x, int8_t *codes);",
)


def c_quantized(
    model: QuantizedModel,
    prefix: str,
    heading: Sequence[str],
    x: Array | None = None,
    p: Array | None = None,
) -> str:
    """Print a C file of a quantized model.

    Parameters
    ----------
    model : QuantizedModel
        The model.
    prefix : str
        All names in the file begin with it.
    heading : sequence of str
        The first lines of the file's comment.
    x, p : array, shape (n, …), optional
        Codes of rows and of their predictions for a main function, compiled if HANDGRAD_CHECK is
        defined, which compares them.
    """
    file = _QuantizedFile(model)
    parts = [file.body(), file.border()]
    if x is not None and p is not None:
        n_x, n_out = x[0].size, p[0].size
        parts.append(CHECK.format(rows=len(x), x=_lines(x), p=_lines(p), n_x=n_x, n_out=n_out))
    text = "\n\n".join(["\n".join(file.head(heading)), *file.tables, *parts]) + "\n"
    return with_prefix(text, prefix)


@dataclass
class _QuantizedFile:
    """The parts of the file as text; `names` are those of its tables, by their content."""

    model: QuantizedModel
    tables: list[str] = field(default_factory=list)
    names: dict[tuple[str, bytes], str] = field(default_factory=dict)
    constants: int = 0

    def __post_init__(self) -> None:
        sizes = [self.model.x.size, *(step.out[0].size for step in self.model.steps)]
        sums = (step.kernel for step in self.model.steps)
        sizes += [sum.weights.values.size for sum in sums if isinstance(sum, Sum) and sum.weights]
        self.int = "int" if max(sizes) < 2**15 else "int32_t"

    def head(self, heading: Sequence[str]) -> list[str]:
        """The comment at the top of the file."""
        memory = f"{self.constants:,} bytes of constants, {self.model.memory()[1]:,} of variables"
        x, p = self.model.x, self.model.predictions
        coding = f"x / {x.scale:.6g} {_signed(x.zero_point)}"
        if self.model.gain.size > 1:
            coding = "gain x + offset of each number"
        lines = [
            *map(comment_text, heading),
            "",
            f"Memory: {memory}, and the stack.",
            "Not thread-safe: the variables are shared.",
            "",
            *(f"    {call}" for call in CALLS),
            "",
            f"A code of x is {coding}, rounded, from {LOW} to {HIGH}.",
            f"A prediction is {p.scale:.6g} (code {_signed(-p.zero_point)}).",
        ]
        comment = (f"   {line}".rstrip() for line in lines)
        return ["/*", *comment, "*/", "#include <stdint.h>", FLASH]

    def body(self) -> str:
        """The function of integers."""
        offsets, size = self.model.memory()
        steps = [line for step in self.model.steps for line in self._step(step)]
        tensors = [f"  int8_t *const {t} = $memory + {at};" for t, at in sorted(offsets.items())]
        sums = any(isinstance(step.kernel, Sum) for step in self.model.steps)
        before = [REQUANTIZED] * sums + [f"static int8_t $memory[{size}];"] * (size > 0)
        predict = ["/* Predict a row of codes. */", f"{PREDICT} {{", *tensors, *steps, "}"]
        return "\n\n".join([*before, "\n".join(predict)])

    def border(self) -> str:
        """The functions of floats."""
        model, zero = self.model, self.model.predictions.zero_point
        gain = self._read("gain", model.gain.astype(np.float32))
        shift = self._read("offset", model.shift.astype(np.float32))
        snippets = RUNTIME.used(["rint"], single=True)
        text = BORDER.format(
            n_x=model.x.size,
            n_out=model.predictions.size,
            gain=gain,
            shift=shift,
            zero=zero if zero >= 0 else f"({zero})",
            scale=c_number(np.float32(model.predictions.scale)),
            int=self.int,
        )
        return "\n\n".join([*snippets, text])

    def _read(self, name: str, values: Array, place: str = "i") -> str:
        """A constant: the only number of an array, or its element."""
        if values.size == 1:
            return _text(values.ravel()[0])
        return f"{self._table(name, values)}[{place}]"

    def _table(self, name: str, values: Array) -> str:
        """The name of a table, declared on first use."""
        key = (values.dtype.name, values.tobytes())
        if key not in self.names:
            self.names[key] = name = f"{PREFIX}{name}_{len(self.names)}"
            self.constants += values.nbytes
            type = f"static const HANDGRAD_FLASH {CTYPES[values.dtype.name]}"
            begin = f"{type} {name}[{values.size}] = {{"
            self.tables.append(f"{begin}\n{_lines(values)}\n}};")
        return self.names[key]

    def _at(self, name: str, constants: Constants, dtype: str) -> str:
        return self._read(name, constants.values.astype(dtype), _place(constants.access))

    def _step(self, step: IntegerStep) -> list[str]:
        n = len(step.outer)
        around = [self._loop(COUNTERS[k], size) for k, size in enumerate(step.outer)]
        within = [self._loop(COUNTERS[n + k], size) for k, size in enumerate(step.inner)]
        out = f"{step.out[0].name}[{_place(step.out[1])}]"
        reads = [f"{tensor.name}[{_place(access)}]" for tensor, access in step.reads]
        lines = []
        if step.origin is not None:
            code = linecache.getline(step.origin.file, step.origin.line).strip()
            lines.append(
                f"// {comment_text(f'{Path(step.origin.file).name}:{step.origin.line}  {code}')}"
            )
        lines += _nested(around or ["{"], self._statements(step, within, out, reads))
        return [f"  {line}" for line in lines]

    def _statements(
        self, step: IntegerStep, within: list[str], out: str, reads: list[str]
    ) -> list[str]:
        """Body of the outer loops."""
        match step.kernel:
            case Sum() as kernel:
                sum_by = f"sum += {self._term(step, kernel, reads)};"
                numbers = [
                    self._at("multiplier", kernel.multiplier, "int32"),
                    self._at("shift", kernel.shift, "int8"),
                ]
                limits = f"{step.out[0].zero_point}, {kernel.low}, {kernel.high}"
                return [
                    f"int32_t sum = {self._at('bias', kernel.bias, 'int32')};",
                    *_nested(within, [sum_by]),
                    f"{out} = $requantized(sum, {', '.join(numbers)}, {limits});",
                ]
            case Lookup(table=None):
                return [f"{out} = {reads[0]};"]
            case Lookup(table=np.ndarray() as table):
                return [f"{out} = {self._table('codes', table)}[{reads[0]} + {-LOW}];"]
            case Largest():
                compare = f"if ({reads[0]} > most) most = {reads[0]};"
                return [f"int8_t most = {LOW};", *_nested(within, [compare]), f"{out} = most;"]
            case SoftmaxByTable(table):
                power = f"{self._table('powers', table)}[most - {reads[0]}]"
                share = f"({power} * UINT32_C(256) + total / 2) / total"
                return [
                    f"int most = {LOW};",
                    *_nested(within, [f"if ({reads[0]} > most) most = {reads[0]};"]),
                    "uint32_t total = 0;",
                    *_nested(within, [f"total += {power};"]),
                    *_nested(
                        within,
                        [
                            f"const uint32_t share = {share};",
                            f"{out} = (int8_t)((share < 255 ? (int)share : 255) - 128);",
                        ],
                    ),
                ]
            case Fill(code):
                return [f"{out} = {code};"]
        raise TypeError(f"{step} is no step")

    def _term(self, step: IntegerStep, kernel: Sum, reads: list[str]) -> str:
        """One term of a sum."""
        if kernel.weights is not None:
            return f"{reads[0]} * {self._at('weights', kernel.weights, 'int8')}"
        if kernel.factors:
            return " + ".join(
                f"INT32_C({f}) * {x}" for f, x in zip(kernel.factors, reads, strict=True)
            )
        if len(reads) == 1:
            return reads[0]
        a, b = (f"({x} - ({t.zero_point}))" for x, (t, _) in zip(reads, step.reads, strict=True))
        return f"(int32_t){a} * {b}"

    def _loop(self, counter: str, size: int) -> str:
        return f"for ({self.int} {counter} = 0; {counter} < {size}; {counter}++) {{"


def _nested(loops: Sequence[str], statements: Sequence[str]) -> list[str]:
    """Statements within loops."""
    if not loops:
        return [*statements]
    return [loops[0], *(f"  {line}" for line in _nested(loops[1:], statements)), "}"]


def _place(access: Access) -> str:
    """An index."""
    terms = [
        counter if stride == 1 else f"{counter} * {stride}"
        for counter, stride in zip(COUNTERS, access.strides, strict=False)
        if stride
    ]
    return " + ".join(([str(access.offset)] if access.offset or not terms else []) + terms)


def _signed(number: int) -> str:
    """A number to add, with its sign apart."""
    return f"{'-' if number < 0 else '+'} {abs(number)}"


def _lines(values: Array) -> str:
    """The numbers of a table."""
    return "\n".join(wrapped([f"{_text(v)}," for v in values.ravel()], WIDEST, "  "))


def _text(value: np.generic) -> str:
    return c_number(value) if value.dtype.kind == "f" else str(value)

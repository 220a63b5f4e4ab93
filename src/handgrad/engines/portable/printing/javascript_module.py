"""JavaScript module of a portable model: its prediction and, if it has one, its training."""

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from handgrad.engines.loops.ir import Type
from handgrad.engines.loops.program import Program
from handgrad.engines.loops.value_ranges import Bound
from handgrad.engines.portable.functions import functions_of
from handgrad.engines.portable.model import PortableModel
from handgrad.engines.portable.printing.c_family import narrowed, number_texts, wrapped
from handgrad.engines.portable.printing.javascript import FIRST, JavaScriptPrinter
from handgrad.engines.portable.printing.specialize import (
    buffers_of,
    without_early_returns,
    without_stores,
)
from handgrad.textbook.layers import Array

# Outputs of a training that nothing in the module reads.
UNREAD = ("predictions", "parameters_after", "state_after", "streams_after")
WIDEST = 100
IN_ONE_ROW = """\
/** Concatenate rows of `width` numbers each. */
function inOneRow(rows, width, Numbers) {
  const all = new Numbers(rows.length * width);
  rows.forEach((row, i) => {
    const numbers = typeof row === "number" ? [row] : Array.from(row).flat(Infinity);
    if (numbers.length !== width) {
      throw new RangeError(`row ${i} has ${numbers.length} numbers, not ${width}`);
    }
    all.set(numbers, i * width);
  });
  return all;
}"""
IN_SHAPE = """\
/** Nested arrays of this shape. */
function inShape(numbers, shape) {
  if (shape.length === 1) return Array.from(numbers);
  const size = numbers.length / shape[0];
  return Array.from({ length: shape[0] }, (_, i) =>
    inShape(numbers.subarray(i * size, (i + 1) * size), shape.slice(1)),
  );
}"""
CHECK_INDICES = """\
/** Throw if a number in these columns is not an index below `size`. */
function checkIndices(numbers, width, columns, size) {
  numbers.forEach((value, i) => {
    if (columns.includes(i % width) && !(value >= 0 && value < size)) {
      throw new RangeError(`${value} in row ${Math.floor(i / width)}, not an index below ${size}`);
    }
  });
}"""
UNPACKED = """\
/** Decode numbers from base64. */
function unpacked(text, Numbers) {
  return new Numbers(Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer);
}"""
TRAINING = """\
/** Trains the net, starting from its weights, on rows (arrays of numbers) and their targets. */
export class Training {
  constructor(rows, targets, { learningRate = %(rate)s } = {}) {
    this.learningRate = learningRate;
    this.n_rows = rows.length;
    %(fields)s
  }

  /** Train for one epoch, in the last order shuffled; returns the mean loss. */
  epoch() {
    shuffle(this.order, this.shuffling);
    this.learning_rates.fill(this.learningRate);
    const row = epoch(%(given)s);
    this.loss = this.loss_total[0] / this.n_rows;
    if (row >= 0) throw new Error("the numbers became infinite; try a lower learning rate");
    return this.loss;
  }

  /** Predict rows with the current parameters. */
  predict(rows) {
    return predicted(rows, %(weights)s);
  }
}"""


def javascript_module(model: PortableModel, *, packed: bool = False, weights: str = "") -> str:
    """Print a JavaScript module, which exports `parameters`, `predict` and `Training`.

    `predict(rows)` takes and returns arrays of rows. If the model has a training,
    `new Training(rows, targets)` shuffles rows as `hg.train` does with the same seed; its `epoch()`
    returns the loss.

    Parameters
    ----------
    model : PortableModel
        With or without a training.
    packed : bool, default False
        Write the weights as base64, a third of the size and loading time, instead of numbers below
        the names of their arrays.
    weights : str, optional
        Module with the same weights, from which they are imported instead.
    """
    return "\n\n".join(map("\n".join, _JavaScriptModule(model, packed, weights).parts())) + "\n"


def javascript_step(model: PortableModel, runtime: Sequence[str]) -> str:
    """Print the weights and the prediction of a model, for functions that predict row by row.

    `step(x, predictions)` takes the numbers of a row, and writes their predictions.

    Parameters
    ----------
    model : PortableModel
        Without a training.
    runtime : sequence of str
        The snippets of the runtime that those functions call.
    """
    module = _JavaScriptModule(model, packed=True, weights="")
    module.writer.used |= dict.fromkeys(runtime)
    return "\n\n".join(map("\n".join, [*module.core(), module.step()])) + "\n"


class _JavaScriptModule:
    """The parts of the module as lines."""

    def __init__(self, model: PortableModel, packed: bool, weights: str) -> None:
        self.packed, self.weights = packed, weights
        self.model, self.single = model, bool(model.dtype == np.float32)
        number = "Float32Array" if self.single else "Float64Array"
        self.arrays: Mapping[Type, str] = {
            "float": number,
            "double": "Float64Array",
            "int": "Int32Array",
            "bool": "Uint8Array",
        }
        self.writer = JavaScriptPrinter(self.single)
        body = without_stores(without_early_returns(model.prediction.body), ())
        self.prediction = replace(model.prediction, name="predict_rows", body=body)
        self.training = model.training
        if self.training is not None:
            body = without_stores(self.training.body, UNREAD)
            self.training = replace(self.training, body=body)

    def core(self) -> list[list[str]]:
        """The weights, the runtime, functions of numbers and the programs."""
        programs = [p for p in (self.prediction, self.training) if p is not None]
        functions = {f.name: f for program in programs for f in functions_of(program)}
        written = [self.writer.function(f) for f in functions.values()]
        written += [self.writer.program(program) for program in programs]
        if self.training is not None:
            self.writer.used["shuffle"] = None
        runtime = self.writer.runtime.used(self.writer.used, single=self.single)
        texts = [*([FIRST] if self.single else []), *runtime]
        return [*self._weights(), *([text] for text in texts), *written]

    def parts(self) -> list[list[str]]:
        """The whole module."""
        core = self.core()
        checks = [CHECK_INDICES] if any(self._bounds(name) for name in self.model.rows) else []
        shapes = [IN_SHAPE] if len(self.model.output_shape) > 1 else []
        training = [] if self.training is None else [self._training(self.training)]
        return [
            *core,
            *([text] for text in (IN_ONE_ROW, *shapes, *checks)),
            *self._predict(),
            *training,
        ]

    def _weights(self) -> list[list[str]]:
        """The weights, each array below its name, or packed."""
        model = self.model
        if self.weights:
            return [[f'import {{ {", ".join(self._weight_names())} }} from "{self.weights}";']]
        written = self._packed if self.packed else self._named
        parts = [[UNPACKED]] if self.packed else []
        parts += [written("parameters", model.parameters)]
        return parts + ([written("state", model.state)] if model.state.size else [])

    def _packed(self, name: str, numbers: Array) -> list[str]:
        """The base64 of numbers, as float32 if that is exact."""
        kept = narrowed(numbers)
        kind = "Float32Array" if kept.dtype == np.float32 else "Float64Array"
        text = base64.b64encode(kept.astype(kept.dtype.newbyteorder("<")).tobytes()).decode()
        return [f'export const {name} = new {self.arrays["float"]}(unpacked("{text}", {kind}));']

    def _named(self, name: str, numbers: Array) -> list[str]:
        kept, own = narrowed(numbers), f"new {self.arrays['float']}("
        within = "new Float32Array(" * (kept.dtype != numbers.dtype)
        lines = [f"export const {name} = {own}{within}["]
        for title, array in self.model.arrays_in(name, kept):
            lines += [f"  // {title}", *_numbers(array)]
        return [*lines, f"]{')' * bool(within)});"]

    def _rooms(self) -> list[str]:
        """The constants and the scratch memory of the prediction."""
        names = self._arguments(self.prediction)
        return [
            f"const {name} = {self._made(self.prediction, name)};"
            for name in ("tables", "scratch", "scratch_int", "scratch_bool")
            if name in names
        ]

    def step(self) -> list[str]:
        """The function that predicts one row."""
        names = ", ".join(["1", *self._arguments(self.prediction)[1:]])
        return [*self._rooms(), f"const step = (x, predictions) => predict_rows({names});"]

    def _predict(self) -> list[list[str]]:
        """The function that predicts with any weights, and the one with the module's weights."""
        model, names = self.model, self._arguments(self.prediction)
        width, made = math.prod(model.output_shape), self._rooms()
        weights = ", ".join(self._weight_names())
        row = f"predictions.subarray(i * {width}, (i + 1) * {width})"
        several = len(model.output_shape) > 1
        row = f"inShape({row}, {[*model.output_shape]})" if several else f"Array.from({row})"
        answers = f"Array.from({{ length: n_rows }}, (_, i) => {row})"
        return [
            [
                f"function predicted(rows, {weights}) {{",
                "  const n_rows = rows.length;",
                f"  const x = {self._rows('x', 'rows')};",
                *(f"  {check}" for check in self._checks("x", "x")),
                f"  const predictions = new {self.arrays['float']}(n_rows * {width});",
                *(f"  {line}" for line in made),
                f"  predict_rows({', '.join(names)});",
                f"  return {answers if model.output_shape else 'Array.from(predictions)'};",
                "}",
            ],
            [
                "/** Predict rows: arrays of numbers in, an array of predictions out. */",
                f"export const predict = (rows) => predicted(rows, {weights});",
            ],
        ]

    def _training(self, training: Program) -> list[str]:
        names = self._arguments(training)[1:]
        fields = {name: self._made(training, name) for name in names}
        fields["shuffling"] = _words(self.model.shuffling)
        for name in ("x", "y"):
            fields[name] = self._rows(name, {"x": "rows", "y": "targets"}[name])
        lines = [f"this.{name} = {made};" for name, made in fields.items()]
        checks = [line for name in ("x", "y") for line in self._checks(name, f"this.{name}")]
        text = TRAINING % {
            "rate": repr(float(self.model.learning_rate)),
            "fields": "\n    ".join([*lines, *checks]),
            "given": ", ".join(f"this.{name}" for name in ("n_rows", *names)),
            "weights": ", ".join(f"this.{name}" for name in self._weight_names()),
        }
        return text.split("\n")

    def _weight_names(self) -> list[str]:
        return ["parameters", "state"] if self.model.state.size else ["parameters"]

    def _arguments(self, program: Program) -> list[str]:
        """The names of a program's arguments, the number of rows first."""
        buffers = buffers_of(program.body)
        return [p.name for p in program.parameters if not p.buffer or p.name in buffers]

    def _made(self, program: Program, name: str) -> str:
        """The initial array of a program's buffer, for `this.n_rows` rows."""
        if name in ("parameters", "state"):
            return f"{name}.slice()"
        if name == "streams":
            return _words(self.model.streams)
        if name == "order":
            return "Int32Array.from({ length: this.n_rows }, (_, i) => i)"
        if name == "learning_rates":
            return f"new Float64Array(Math.ceil(this.n_rows / {self.model.batch_size}))"
        if name == "tables":
            numbers = np.concatenate([table.ravel() for table in program.tables])
            return f"new Float64Array([{' '.join(_numbers(numbers)).strip()}])"
        (type,) = (p.type for p in program.parameters if p.name == name)
        return f"new {self.arrays[type]}({self.model.sizes(program, 1)[name]})"

    def _rows(self, name: str, argument: str) -> str:
        """The numbers of the caller's rows."""
        programs = [p for p in (self.training, self.prediction) if p is not None]
        (type,) = (p.type for p in programs[0].parameters if p.name == name)
        return f"inOneRow({argument}, {math.prod(self.model.rows[name])}, {self.arrays[type]})"

    def _bounds(self, name: str) -> Sequence[Bound]:
        return (self.training or self.prediction).bounds.get(name, ())

    def _checks(self, name: str, text: str) -> list[str]:
        """The lines that check indices."""
        width = math.prod(self.model.rows[name])
        return [
            f"checkIndices({text}, {width}, {bound.positions(width)}, {bound.size});"
            for bound in self._bounds(name)
        ]


def _numbers(numbers: Array) -> list[str]:
    """The numbers of a JavaScript array, as lines."""
    words = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}
    return wrapped([f"{words.get(text, text)}," for text in number_texts(numbers)], WIDEST, "  ")


def _words(words: Array) -> str:
    return f"BigUint64Array.of({', '.join(f'{word}n' for word in words.ravel().tolist())})"

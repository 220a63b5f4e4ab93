"""Export to a C99 file with int8 quantization, and its deviation from the model with floats."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from subprocess import run
from tempfile import TemporaryDirectory

import numpy as np

from handgrad.engines.portable.printing.c_quantized import c_quantized
from handgrad.engines.portable.quantization import quantized
from handgrad.engines.portable.quantized_model import QuantizedModel
from handgrad.exchange.exporting.calibration import Calibration
from handgrad.exchange.exporting.model_spec import ModelSpec, place_of
from handgrad.exchange.exporting.portable.c_file import (
    c_compiler,
    compiled,
    opening,
    own_check,
    prefix_of,
    refuse_rows_together,
    version,
)
from handgrad.exchange.exporting.proof import Check, QuantizationCheck, compared
from handgrad.exchange.exporting.train_spec import TrainSpec
from handgrad.textbook.layers import Array

AGAINST = "the model with floats"
CHECKED = 16  # rows in the file
MAIN = """\
#include "{path}"
#include <stdio.h>
static float x[{n_x}], predictions[{n_out}];
static int8_t codes[{n_x}], results[{n_out}];
int main(void) {{
  while (fread(x, sizeof x, 1, stdin) == 1) {{
    {prefix}quantize(x, codes);
    {prefix}predict_int8(codes, results);
    {prefix}predict(x, predictions);
    if (fwrite(codes, sizeof codes, 1, stdout) != 1) return 1;
    if (fwrite(results, sizeof results, 1, stdout) != 1) return 1;
    if (fwrite(predictions, sizeof predictions, 1, stdout) != 1) return 1;
  }}
  return 0;
}}
"""


def write_quantized_c(spec: ModelSpec, path: Path, _: TrainSpec | None) -> Sequence[Check]:
    """Write the file; compile it, and compare it with the model on the calibration rows."""
    calibration, net, prefix = spec.calibration, spec.net, prefix_of(path)
    if calibration is None:
        raise TypeError("a quantized file needs calibration rows")
    model = quantized(spec.graph, net.state(), calibration.x, lambda node: place_of(node, net))
    few = calibration.x[:CHECKED]
    refuse_rows_together(spec, few, spec.by_layers(few), spec.by_layers)
    title = f"{spec.title}, quantized to int8"
    integers = (
        "Computes with integers: the codes of predictions have the same bits on every machine. "
        "Only the conversion of x and of predictions has floats. Requires only C99 with <stdint.h>."
    )
    head = opening(spec, path, title, integers, checked=False)
    path.write_text(c_quantized(model, prefix, head), "utf-8", newline="\n")
    compiler = c_compiler()
    if compiler is None:
        return [Check("a C compiler", AGAINST, not_run="there is none here")]
    x, codes, outputs = _run(compiler, path, model, calibration.x)
    check = _deviation(version(compiler), spec, calibration, outputs)
    head = opening(spec, path, title, integers, f"Checked: {check}.")
    text = c_quantized(model, prefix, head, x[:CHECKED], codes[:CHECKED])
    path.write_text(text, "utf-8", newline="\n")
    own_check(compiler, path, len(few))
    return [check]


def _run(compiler: str, path: Path, model: QuantizedModel, x: Array) -> tuple[Array, Array, Array]:
    """Codes of rows, codes of their predictions, and predictions (n, …) of the compiled file."""
    n_x, n_out = model.x.size, model.predictions.size
    with TemporaryDirectory() as folder:
        main = Path(folder, "main.c")
        text = MAIN.format(path=path.as_posix(), prefix=prefix_of(path), n_x=n_x, n_out=n_out)
        main.write_text(text, "utf-8")
        program = compiled(compiler, str(main), folder=folder)
        done = run([program], input=x.astype(np.float32).tobytes(), capture_output=True, check=True)
    row = np.dtype([("x", np.int8, n_x), ("codes", np.int8, n_out), ("p", np.float32, n_out)])
    rows = np.frombuffer(done.stdout, row)
    return rows["x"], rows["codes"], rows["p"].reshape(len(x), *model.shape)


def _deviation(
    ran: str, spec: ModelSpec, calibration: Calibration, outputs: Array
) -> QuantizationCheck:
    """Check of the outputs for the calibration rows."""
    expected = np.asarray(spec.net.predict(calibration.x))
    check = compared(ran, outputs, expected, AGAINST)
    metric, scores = "", (0.0, 0.0)
    if calibration.y is not None:
        metric = "accuracy" if spec.kind == "classifier" else "r2"
        scores = _score(spec, outputs, calibration.y), _score(spec, expected, calibration.y)
    return QuantizationCheck(
        **vars(check),
        mean=float(np.abs(outputs - expected).mean()),
        metric=metric,
        score=scores[0],
        float_score=scores[1],
    )


def _score(spec: ModelSpec, outputs: Array, y: Array) -> float:
    """Accuracy of a classifier, R² of a regressor."""
    if spec.kind == "classifier":
        return float((spec.labels(outputs) == y.ravel()).mean())
    y = y.reshape(outputs.shape)
    return 1 - float(((y - outputs) ** 2).sum() / ((y - y.mean(axis=0)) ** 2).sum())

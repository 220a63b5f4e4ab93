"""A training by the file of C that is exported of it, compiled as it says."""

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from handgrad.engines.portable.printing.c_module import c_module
from handgrad.textbook.layers import Array
from tests.bits.everywhere.machine_code import Found, buffer_types, kept
from tests.bits.everywhere.modules import narrow, narrow_type
from tests.bits.everywhere.programs import Training, odd_rows

COMPILER = "gcc"
FLAGS = ("-std=c99", "-O2", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", "-pedantic")
C_TYPES = {"float32": "float", "float64": "double", "int32": "int32_t", "bool": "uint8_t"}
# Reads odd rows, rows and targets; writes all that is compared.
MAIN = """
#include <stdio.h>

static {x} odd[{n} * {width}], x[{n} * {width}];
static {y} y[{n} * {targets}];
static {number} predictions[{n} * {outputs}];
static int32_t order[{n}];

static void predict_all(const {x} *rows, FILE *out) {{
  for (int i = 0; i < {n}; i++) net_predict(rows + i * {width}, predictions + i * {outputs});
  fwrite(predictions, sizeof predictions, 1, out);
}}

int main(void) {{
  FILE *in = fopen("given", "rb"), *out = fopen("found", "wb");
  if (fread(odd, sizeof odd, 1, in) + fread(x, sizeof x, 1, in) + fread(y, sizeof y, 1, in) != 3)
    return 2;
  predict_all(odd, out);
  for (int i = 0; i < {n}; i++) order[i] = i;
  for (int i = 0; i < {epochs}; i++) {{
    const double loss = net_train_epoch(x, y, order, {n});
    const uint8_t finished = loss == loss;
    fwrite(net_loss_total, sizeof(double), 1, out);
    fwrite(&finished, 1, 1, out);
  }}
  predict_all(x, out);
  fwrite(order, sizeof order, 1, out);
{written}
  return fclose(in) + fclose(out);
}}
"""


def trained(case: Training) -> Found:
    """All that a training in C leaves, and its predictions, a row at a time."""
    model = case.model(copies=False, predicted_at_once=1)
    unasked = case.x[:1], np.zeros((1, *model.output_shape))  # of the file's own check
    text = c_module(model, "net_", [], *unasked)
    types = {name: narrow_type(type) for name, type in buffer_types(model).items()}
    types |= {"shuffling": np.dtype(np.uint64)}
    names = [name for name in [*kept(model), "shuffling"] if f" net_{name}[" in text]
    n, outputs = len(case.x), int(np.prod(model.output_shape))
    x, odd, y = (narrow(array) for array in (case.x, odd_rows(model, case.x), case.y))
    main = MAIN.format(
        x=C_TYPES[types["x"].name],
        y=C_TYPES[types["y"].name],
        number=C_TYPES[model.dtype.name],
        n=n,
        width=x[0].size,
        targets=y[0].size,
        outputs=outputs,
        epochs=case.epochs,
        written="\n".join(f"  fwrite(net_{n}, sizeof net_{n}, 1, out);" for n in names),
    )
    given = [array.astype(types[name]) for name, array in (("x", odd), ("x", x), ("y", y))]
    content = _run(text + main, b"".join(array.tobytes() for array in given))
    after_epoch = np.dtype([("total", np.float64), ("finished", np.bool_)])
    assert model.training is not None
    sizes = {**model.sizes(model.training, n), "shuffling": 6}
    parts: list[tuple[str, Any, int]] = [
        ("before", model.dtype, n * outputs),
        ("epochs", after_epoch, case.epochs),
        ("after", model.dtype, n * outputs),
        ("order", np.int32, n),
        *((name, types[name], sizes[name]) for name in names),
    ]
    found, at = dict[str, Array](), 0
    for name, dtype, count in parts:
        found[name] = np.frombuffer(content, dtype, count, at)
        at += found[name].nbytes
    assert at == len(content)
    epochs = found.pop("epochs")
    return found | {"loss totals": epochs["total"], "finished": epochs["finished"]}


def _run(text: str, given: bytes) -> bytes:
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "net.c").write_text(text, "utf-8")
        (folder / "given").write_bytes(given)
        for command in ([COMPILER, *FLAGS, "net.c", "-o", "net"], ["./net"]):
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError(f"{command[0]}: {done.stderr[:2000]}")
        return (folder / "found").read_bytes()

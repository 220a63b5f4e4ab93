"""The functions of numbers as C and as JavaScript have NumPy's bits, for odd numbers too."""

import ctypes
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handgrad.engines.loops.functions.function import WRITTEN_OUT, Function
from handgrad.engines.loops.functions.numpy_eval import value_of
from handgrad.engines.loops.ir import Body, Call, Load, Store, whole
from handgrad.engines.loops.program import Parameter, Program
from handgrad.engines.portable.functions import functions_of
from handgrad.engines.portable.printing.c import PREFIX, CPrinter
from handgrad.engines.portable.printing.c_family import CFamilyPrinter
from handgrad.engines.portable.printing.javascript import FIRST, JavaScriptPrinter
from handgrad.textbook.layers import Array
from tests.engines.test_functions import given_to

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
IN_C = """
void all_of_{name}(int n, const {number} *x, const {number} *y, {number} *z) {{
  (void)y;
  for (int i = 0; i < n; i++) z[i] = {function}({given});
}}
"""
IN_JAVASCRIPT = """
import {{ readFileSync, writeFileSync }} from "node:fs";
for (const [f, count] of [{functions}]) {{
  const given = [..."xy"].slice(0, count).map((name) => {{
    const bytes = readFileSync(`${{f.name}}.${{name}}`);
    return new {kind}Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  }});
  writeFileSync(`${{f.name}}.z`, given[0].map((_, i) => f(...given.map((array) => array[i]))));
}}
"""


def printed(writer: CFamilyPrinter, dtype: Any) -> tuple[list[str], dict[str, Function]]:
    """All functions as text, with what they need of the runtime; and those asked for."""
    functions: dict[str, Function] = {}
    for name in sorted(WRITTEN_OUT):
        arguments = tuple(Load(array, whole(0), "float") for array in "XY"[: count_of(name)])
        body: Body = [Store("Z", whole(0), Call(name, arguments, "float"))]
        parameters = tuple(Parameter(array, "float") for array in "XYZ")
        found = functions_of(Program("all", parameters, body, np.dtype(dtype)))
        functions |= {function.name: function for function in found}
    lines = ["\n".join(writer.function(function)) for function in functions.values()]
    runtime = writer.runtime.used(writer.used, single=dtype == np.float32)
    return [*runtime, *lines], {name: functions[name] for name in sorted(WRITTEN_OUT)}


def count_of(name: str) -> int:
    return len(given_to(name, np.float32))


def check(name: str, found: Array, given: tuple[Array, ...]) -> None:
    """The bits are those of NumPy; NaN is NaN."""
    expected = value_of(name, *given)
    np.testing.assert_array_equal(found, expected, name)
    there = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(found[there]), np.signbit(expected[there]), name)


@DTYPES
@pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no gcc here")
def test_c_has_the_bits_of_numpy(dtype: Any, tmp_path: Path) -> None:
    texts, functions = printed(CPrinter(dtype == np.float32), dtype)
    number = "float" if dtype == np.float32 else "double"
    for name in functions:
        given = ", ".join(f"{array}[i]" for array in "xy"[: count_of(name)])
        texts.append(IN_C.format(name=name, number=number, function=PREFIX + name, given=given))
    source, library = tmp_path / "functions.c", tmp_path / "functions.so"
    source.write_text("#include <stdint.h>\n" + "\n".join(texts).replace(PREFIX, "own_"), "utf-8")
    flags = ("-std=c99", "-O2", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", "-pedantic")
    subprocess.run(["gcc", *flags, "-shared", "-fPIC", source, "-o", library], check=True)
    loaded = ctypes.CDLL(str(library))
    for name in functions:
        given = given_to(name, dtype)
        found = np.empty_like(given[0])
        places = [ctypes.c_void_p(array.ctypes.data) for array in (given[0], given[-1], found)]
        getattr(loaded, f"all_of_{name}")(len(found), *places)
        check(name, found, given)


@DTYPES
@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node here")
def test_javascript_has_the_bits_of_numpy(dtype: Any, tmp_path: Path) -> None:
    texts, functions = printed(JavaScriptPrinter(dtype == np.float32), dtype)
    kind = "Float32" if dtype == np.float32 else "Float64"
    named = ", ".join(f"[{name}, {count_of(name)}]" for name in functions)
    script = tmp_path / "functions.mjs"
    text = "\n".join([FIRST, *texts, IN_JAVASCRIPT.format(functions=named, kind=kind)])
    script.write_text(text, "utf-8")
    for name in functions:
        for array, numbers in zip("xy", given_to(name, dtype), strict=False):
            numbers.tofile(tmp_path / f"{name}.{array}")
    subprocess.run(["node", script], check=True, cwd=tmp_path)
    for name in functions:
        check(name, np.fromfile(tmp_path / f"{name}.z", dtype), given_to(name, dtype))

"""Models in Arduino sketches: the bits of the host, from an 8-bit processor without floats."""

import ctypes
import subprocess
from pathlib import Path

import numpy as np
import pytest

import handgrad as hg
from handgrad.textbook.layers import Array
from tests.docs.documents import ROOT, blocks
from tests.exchange.exporting import arduino

pytestmark = pytest.mark.skipif(bool(arduino.lacking()), reason=f"lacking: {arduino.lacking()}")
N_ROWS = 5
SKETCH = """\
extern "C" {{
int floats_predict(const float *x, float *predictions);
void int8_quantize(const float *x, int8_t *codes);
void int8_predict_int8(const int8_t *x, int8_t *predictions);
}}
static const float rows[][4] = {{{rows}}};

void setup() {{
  Serial.begin(115200);
  for (const float *row : rows) {{
    float predictions[3];
    floats_predict(row, predictions);
    for (float p : predictions) {{
      uint32_t bits;
      memcpy(&bits, &p, 4);
      Serial.println(bits);
    }}
    int8_t codes[4], results[3];
    int8_quantize(row, codes);
    int8_predict_int8(codes, results);
    for (int code : results) Serial.println(code);
  }}
}}

void loop() {{}}
"""


def test_an_uno_has_the_bits_of_the_host(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((50, 4)).astype(np.float32)
    layers = hg.Linear(4, 40, rng=0), hg.Tanh(), hg.Linear(40, 3, rng=1), hg.Softmax()
    net = hg.Net(*layers)
    sketch = tmp_path / "bits"
    sketch.mkdir()
    hg.export(net, sketch / "floats.c")
    hg.export(net, sketch / "int8.c", x, quantize="int8")
    rows = x[:N_ROWS]
    texts = (f"{{{', '.join(map(str, row.tolist()))}}}" for row in rows)
    (sketch / "bits.ino").write_text(SKETCH.format(rows=", ".join(texts)), "utf-8")
    program = arduino.compiled(sketch)
    floats = np.asarray(net.predict(rows, engine="portable")).view(np.uint32)
    expected = np.concatenate([floats, codes_on_host(sketch / "int8.c", rows)], axis=1)
    assert arduino.printed(program, expected.size) == [str(n) for n in expected.ravel()]
    assert arduino.bytes_copied_to_ram(program) < 200  # its rows; the weights of either: more


def codes_on_host(path: Path, rows: Array) -> Array:
    """The codes (n, 3) of predictions by a quantized file, compiled for this processor."""
    library = path.with_suffix(".so")
    command = ["gcc", "-std=c99", "-O2", "-ffp-contract=off", "-shared", "-fPIC", str(path)]
    subprocess.run([*command, "-o", str(library)], check=True)
    host = ctypes.CDLL(str(library))
    x, p = (ctypes.c_int8 * 4)(), (ctypes.c_int8 * 3)()
    codes = []
    for row in rows:
        host.int8_quantize(row.ctypes.data_as(ctypes.c_void_p), x)
        host.int8_predict_int8(x, p)
        codes.append([*p])
    return np.array(codes)


@pytest.mark.parametrize("quantize", ["int8", None])
def test_the_sketch_in_the_document_runs(quantize: str | None, tmp_path: Path) -> None:
    (sketch,) = (b.text for b in blocks(ROOT / "docs" / "export.md") if b.language == "cpp")
    x, _ = hg.data.load("iris")
    net = hg.Net(hg.Linear(4, 3, rng=0), hg.Softmax())
    folder = tmp_path / "iris"
    folder.mkdir()
    if quantize == "int8":
        hg.export(net, folder / "net.c", x, quantize="int8")
    else:
        hg.export(net, folder / "net.c")
    (folder / "iris.ino").write_text(sketch, "utf-8")
    printed = [float(line) for line in arduino.printed(arduino.compiled(folder), 6)]
    expected = net.predict(np.array([[5.1, 3.5, 1.4, 0.2]], np.float32))[0]
    np.testing.assert_allclose(printed, [*expected, *expected], atol=0.02 if quantize else 1e-4)

"""Float and int8 files of C on microcontrollers: `python -m benchmarks.microcontrollers`.

Needs `avr-gcc`, `arm-none-eabi-gcc` with newlib, `simavr` and Debian's `arduino-core-avr`. A
quarter of the rows are held out. Flash and RAM are those of a program that predicts one row, by
`size`, the RAM without that of an empty program; the milliseconds those of an ATmega328P at 16 MHz,
simulated.
"""

import ctypes
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from sklearn.model_selection import train_test_split
from tests.exchange.exporting import arduino

import handgrad as hg

NETS = {"iris": (8, 0.02), "digits": (32, 0.001)}  # hidden units, learning rate
AVR = ("avr-gcc", "-mmcu=atmega328p")
ARM = ("arm-none-eabi-gcc", "-mcpu=cortex-m0plus", "-mthumb", "--specs=nano.specs")
SMALL = ("-std=gnu99", "-Os", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections")
WAYS = {
    "floats": ("float", "float", "predict"),
    "int8, from and to floats": ("int8", "float", "predict"),
    "int8 only": ("int8", "int8_t", "predict_int8"),
}
MAIN = """\
#include "{file}.c"
volatile {type} number;
static {type} x[{n_x}], predictions[{n_out}];
int main(void) {{
  for (int i = 0; i < {n_x}; i++) x[i] = number;
  {file}_{call}(x, predictions);
  number = predictions[0];
  return 0;
}}
"""
SKETCH = """\
extern "C" void {file}_{call}(const {type} *x, {type} *predictions);
static {type} x[{n_x}], predictions[{n_out}];
void setup() {{
  Serial.begin(115200);
  for (int i = 0; i < {n_x}; i++) x[i] = i % 5;
  const unsigned long begin = micros();
  {file}_{call}(x, predictions);
  Serial.println(micros() - begin);
}}
void loop() {{}}
"""


def sizes(folder: Path, compiler: tuple[str, ...], main: str) -> tuple[int, int]:
    """Bytes of flash and RAM of a program."""
    (folder / "main.c").write_text(main, "utf-8")
    program, more = folder / "main.elf", ("--specs=nosys.specs",) * (compiler is ARM)
    command = [*compiler, *more, *SMALL, str(folder / "main.c"), "-o", str(program)]
    subprocess.run(command, check=True, capture_output=True)
    size = [compiler[0].replace("gcc", "size"), str(program)]
    lines = subprocess.run(size, check=True, capture_output=True, text=True).stdout.splitlines()
    text, data, bss = map(int, lines[1].split()[:3])
    return text + data, data + bss


def milliseconds(folder: Path, file: str, sketch: str) -> float:
    """Time of one prediction on a simulated Uno."""
    there = folder / "sketch"
    there.mkdir(exist_ok=True)
    for path in there.iterdir():
        path.unlink()
    (there / f"{file}.c").write_bytes((folder / f"{file}.c").read_bytes())
    (there / "sketch.ino").write_text(sketch, "utf-8")
    (printed,) = arduino.printed(arduino.compiled(there), 1)
    return int(printed) / 1000


def predicted(path: Path, x: np.ndarray, n_out: int) -> np.ndarray:
    """Predictions (n, n_out) of a file, compiled for this processor."""
    library = path.with_suffix(".so")
    command = ["gcc", "-std=c99", "-O2", "-ffp-contract=off", "-shared", "-fPIC", str(path)]
    subprocess.run([*command, "-o", str(library)], check=True)
    predict = getattr(ctypes.CDLL(str(library)), f"{path.stem}_predict")
    results = np.zeros((len(x), n_out), np.float32)
    for row, result in zip(x, results, strict=True):
        predict(row.ctypes.data_as(ctypes.c_void_p), result.ctypes.data_as(ctypes.c_void_p))
    return results


def main() -> None:
    """Print the rows of the table."""
    for name, (n_units, rate) in NETS.items():
        x, y = hg.data.load(name)
        rows, held_out, labels, expected = train_test_split(x, y, random_state=0, stratify=y)
        model = hg.MLPClassifier(
            hidden_layer_sizes=(n_units,), learning_rate_init=rate, max_iter=500, random_state=0
        ).fit(rows, labels)
        n_x, n_out = x.shape[1], len(model.classes_)
        with TemporaryDirectory() as temporary:
            folder = Path(temporary)
            hg.export(model, folder / "float.c")
            hg.export(model, folder / "int8.c", rows, labels, quantize="int8")
            for way, (file, type, call) in WAYS.items():
                names = {"file": file, "type": type, "call": call, "n_x": n_x, "n_out": n_out}
                numbers = predicted(folder / f"{file}.c", held_out.astype(np.float32), n_out)
                accuracy = (model.classes_[numbers.argmax(axis=1)] == expected).mean()
                cells = [f"{accuracy:.3f}"]
                for compiler in (AVR, ARM):
                    flash, ram = sizes(folder, compiler, MAIN.format(**names))
                    ram -= sizes(folder, compiler, "int main(void) { return 0; }")[1]
                    cells.append(f"{flash / 1000:.1f} KB, {ram} bytes")
                cells.append(f"{milliseconds(folder, file, SKETCH.format(**names)):.1f} ms")
                title = f"{name}, {n_x}-{n_units}-{n_out}, {way}" if way == "floats" else way
                print(f"| {' | '.join([title, *cells])} |")


if __name__ == "__main__":
    main()

"""Arduino sketches: compiled for an Uno as its IDE does, and run by simavr."""

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

HARDWARE = Path("/usr/share/arduino/hardware/arduino/avr")
CORE = HARDWARE / "cores/arduino"
TOOLS = ("gcc", "avr-gcc", "avr-g++", "avr-size", "simavr")
BOARD = ("-mmcu=atmega328p", "-DF_CPU=16000000L", "-DARDUINO=10819", "-DARDUINO_AVR_UNO")
FOLDERS = (f"-I{CORE}", f"-I{HARDWARE / 'variants/standard'}")
FLAGS = (*BOARD, "-DARDUINO_ARCH_AVR", *FOLDERS, "-Os", "-ffunction-sections", "-fdata-sections")
OF_C = ("avr-gcc", "-std=gnu11")
OF_CPP = ("avr-g++", "-std=gnu++11", "-fno-exceptions", "-fno-threadsafe-statics")


def lacking() -> list[str]:
    """The programs and folders that are needed and not here."""
    folders = [] if HARDWARE.is_dir() else [str(HARDWARE)]
    return [tool for tool in TOOLS if shutil.which(tool) is None] + folders


@cache
def _core() -> list[Path]:
    """Object files of the Arduino library."""
    folder = Path(mkdtemp())
    return [_object(source, folder, "-w") for source in CORE.glob("*.c*")]


def _object(source: Path, folder: Path, *flags: str) -> Path:
    made = folder / f"{source.name}.o"
    compiler = OF_C if source.suffix == ".c" else OF_CPP
    if source.suffix == ".ino":
        flags = (*flags, "-include", "Arduino.h", "-x", "c++")
    subprocess.run([*compiler, *FLAGS, *flags, "-c", str(source), "-o", str(made)], check=True)
    return made


def compiled(sketch: Path) -> Path:
    """The program of a folder with an .ino file and C files, without a warning."""
    sources = [*sketch.glob("*.ino"), *sketch.glob("*.c")]
    strict = ("-Wall", "-Wextra", "-Werror")
    objects = [*_core(), *(_object(source, sketch, *strict) for source in sources)]
    program = sketch / "sketch.elf"
    link = ("avr-gcc", "-mmcu=atmega328p", "-Os", "-Wl,--gc-sections")
    subprocess.run([*link, *map(str, objects), "-lm", "-o", str(program)], check=True)
    return program


def bytes_copied_to_ram(program: Path) -> int:
    """Bytes of initial values in RAM, where constants lie that are not in flash only."""
    done = subprocess.run(["avr-size", str(program)], capture_output=True, text=True, check=True)
    return int(done.stdout.splitlines()[1].split()[1])


def printed(program: Path, n_lines: int) -> list[str]:
    """The first lines that a program writes to its serial port."""
    command = ["simavr", "-m", "atmega328p", "-f", "16000000", str(program)]
    lines: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as simulator:
        assert simulator.stdout is not None
        for line in simulator.stdout:
            if serial := re.fullmatch(r"(?:\x1b\[\d*m)*(\S+?)\.*(?:\x1b\[\d*m)*\s*", line):
                lines.append(serial[1])
            if len(lines) == n_lines:
                break
        simulator.kill()
    return lines

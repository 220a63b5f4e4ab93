"""Language models as files that generate text by themselves: the samples of handgrad."""

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.bad_input.refused import refused
from tests.exchange.exporting.test_c_file import STRICT, needs_gcc
from tests.exchange.exporting.test_javascript_file import needs_node

WORDS = ["the", "cat", "sat", "on", "a", "mat", "and", "über", "世界", "😀", "said:", '"no', "$x"]
WORDS += ["??\\", "\t", 'way"', "(really)"]
SPACES = [" ", " ", "  ", "\n"]
NAMES = ["characters", "sub_words", "recurrent", "narrow"]
# Start, temperature and seed.
CASES: list[tuple[str, float, int]] = [
    ("", 0.8, 7),
    ("", 1.0, 2**64 - 1),
    ("the cat", 1.0, 0),
    ('the cat  no $x 😀 über\t(the  no "世界 a  ' * 5, 0.8, 2**40 + 5),
    ("a", 0.0, 0),
    ("  the", 5.0, 3),
    ("$x", 1e-30, 1),
    ("$x ", 1e30, 1),
]
LENGTH = 90


@cache
def model(name: str) -> hg.LanguageModel:
    """A model that has learnt little, with the probabilities of exported files."""
    rng = random.Random(0)
    spaces = SPACES if name in ("characters", "narrow") else SPACES[:3]
    text = "".join(rng.choice(WORDS) + rng.choice(spaces) for _ in range(1200))
    settings: dict[str, dict[str, Any]] = {
        "characters": {"context": 12, "blocks": 2},
        "sub_words": {"context": 9, "blocks": 1, "tokens": 70},
        "recurrent": {"net": "gru", "context": 8, "blocks": 2, "tokens": 60},
        "narrow": {"context": 1, "blocks": 1},
    }
    common: Any = {"width": 16, "heads": 2, "epochs": 1, "random_state": 0, "engine": "portable"}
    return hg.LanguageModel(**common, **settings[name]).fit(text)


@cache
def written(name: str) -> list[str]:
    """What handgrad writes after the start of each case."""
    return [
        model(name).write(start, length=LENGTH, temperature=temperature, rng=seed)[len(start) :]
        for start, temperature, seed in CASES
    ]


@needs_gcc
@pytest.mark.parametrize("name", NAMES)
def test_the_file_of_c_writes_the_same(name: str, tmp_path: Path) -> None:
    path, program = tmp_path / "my gpt.c", str(tmp_path / "gpt")
    first, second = hg.export(model(name), path).checks
    assert str(first).endswith("400 characters, same bits as the engine portable")
    assert "position" in str(second)
    assert second.relative <= second.most
    for flags in (["-DHANDGRAD_CHECK"], ["-c", "-Wdouble-promotion"], ["-DHANDGRAD_MAIN"]):
        command = ["gcc", *STRICT, *flags, str(path), "-o", program]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
    for (start, temperature, seed), text in zip(CASES, written(name), strict=True):
        told = run([program, start, LENGTH, temperature, seed])
        assert told.stdout == f"{start}{text}\n"
    for wrong, words in {"abZ": "character 2 of", "the \udcff": "character 4 of"}.items():
        told = run([program, wrong])
        assert (told.returncode, told.stdout) == (1, "")
        assert words in told.stderr
    assert run([program, "a", 0]).returncode == 1


def run(command: Sequence[object]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*map(str, command)], capture_output=True, text=True, encoding="utf-8", check=False
    )


@needs_gcc
def test_the_check_in_the_file_of_c_notices_another_text(tmp_path: Path) -> None:
    path, program = tmp_path / "gpt.c", str(tmp_path / "gpt")
    hg.export(model("recurrent"), path)
    text = path.read_text("utf-8")
    assert "     0.8, 7}," in text
    path.write_text(text.replace("     0.8, 7},", "     0.8, 8},"), "utf-8")
    subprocess.run(["gcc", *STRICT, "-DHANDGRAD_CHECK", str(path), "-o", program], check=True)
    told = run([program])
    assert told.returncode == 1
    assert told.stdout.startswith("text 0 differs; was it compiled with")


@needs_gcc
def test_a_start_that_is_refused_in_c_leaves_nothing_behind(tmp_path: Path) -> None:
    program = str(tmp_path / "twice")
    hg.export(model("sub_words"), tmp_path / "gpt.c")
    start, temperature, seed = CASES[2]
    (tmp_path / "twice.c").write_text(
        '#include "gpt.c"\n#include <stdio.h>\nint main(void) {\n'
        '  gpt_begin("the caZ", 1, 0);\n'
        f'  gpt_begin("{start}", {temperature}, {seed});\n'
        "  for (int i = 0; i < 20; i++) fputs(gpt_next(), stdout);\n  return 0;\n}\n",
        "utf-8",
    )
    subprocess.run(["gcc", *STRICT, str(tmp_path / "twice.c"), "-o", program], check=True)
    written_by_c = run([program]).stdout
    assert written("sub_words")[2].startswith(written_by_c[:LENGTH])
    assert len(written_by_c) >= 20


IN_WASM = """
import {{ readFileSync }} from "node:fs";
const {{ instance }} = await WebAssembly.instantiate(readFileSync({path}));
const {{ memory, heap, begin, next }} = instance.exports;
const put = (bytes) => {{
  memory.grow(1);
  new Uint8Array(memory.buffer, heap.value, bytes.length).set(bytes);
  return heap.value;
}};
const text = (start) => new TextEncoder().encode(`${{start}}\\0`);
const write = ([start, temperature, seed]) => {{
  begin(put(text("the caZ")), 1, 0n); // refused, and forgotten
  const known = begin(put(text(start)), temperature, BigInt(seed));
  const written = [known];
  while (written.length <= {length}) {{
    const at = next(), all = new Uint8Array(memory.buffer);
    written.push(...new TextDecoder().decode(all.subarray(at, all.indexOf(0, at))));
  }}
  return [known, written.slice(1, {length} + 1).join("")];
}};
const texts = {cases}.map(write);
const told = [text("abZ"), text("Ω"), [116, 0xe4, 0xb8, 0], [0xff, 0]].map((bytes) =>
  begin(put(bytes), 1, 0n));
const end = memory.buffer.byteLength;
new Uint8Array(memory.buffer).set([116, 0], end - 2); // the last bytes of the memory
told.push(begin(end - 2, 1, 0n));
console.log(JSON.stringify({{ texts, told }}));
"""


@needs_node
@pytest.mark.parametrize("name", NAMES)
def test_the_module_of_wasm_writes_the_same(name: str, tmp_path: Path) -> None:
    path, script = tmp_path / "gpt.wasm", tmp_path / "calls.mjs"
    assert str(hg.export(model(name), path).checks[0]).endswith(
        "400 characters, same bits as the engine portable"
    )
    cases = json.dumps([[start, temperature, str(seed)] for start, temperature, seed in CASES])
    script.write_text(
        IN_WASM.format(path=json.dumps(str(path)), cases=cases, length=LENGTH), "utf-8"
    )
    done = run(["node", script])
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["texts"] == [[-1, text] for text in written(name)]
    assert found["told"] == [2, 0, 1, 0, -1]


CALLS = """
const {{ generate, encode, tokens, Reader }} = await import({path});
const texts = {cases}.map(([start, temperature, seed]) =>
  [...generate(start, {{ length: {length}, temperature, seed: BigInt(seed) }})].join(""));
const told = [() => generate("abZ").next(), () => generate("", {{ length: 0 }}).next(),
  () => generate("", {{ seed: -1 }}).next()].map((call) => {{
    try {{ call(); }} catch (error) {{ return `${{error.name}}: ${{error.message}}`; }}
  }});
const codes = encode("the cat  über 😀");
const p = Array.from(new Reader().read(codes[0]));
console.log(JSON.stringify({{ texts, told, tokens, codes, p }}));
"""


@needs_node
@pytest.mark.parametrize("name", NAMES)
def test_the_module_of_javascript_writes_the_same(name: str, tmp_path: Path) -> None:
    path = tmp_path / "gpt.js"
    assert str(hg.export(model(name), path).checks[0]).endswith(
        "400 characters, same bits as the engine portable"
    )
    path = path.rename(tmp_path / "gpt.mjs")
    cases = json.dumps([[start, temperature, str(seed)] for start, temperature, seed in CASES])
    script = tmp_path / "calls.mjs"
    text = CALLS.format(path=json.dumps(path.as_uri()), cases=cases, length=LENGTH)
    script.write_text(text, "utf-8")
    done = run(["node", script])
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["texts"] == written(name)
    assert found["told"] == [
        'RangeError: "Z" at position 2 is unknown',
        "RangeError: length 0, temperature 0.8, not positive numbers",
        "RangeError: seed -1, not of 64 bits",
    ]
    assert found["tokens"] == model(name).pairs_.tokens
    codes = model(name).encode("the cat  über 😀").tolist()
    assert found["codes"] == codes
    z = model(name).net_.predict([codes[:1]])[0, 0, 1:]
    assert max(found["p"]) == found["p"][int(z.argmax())]


@pytest.mark.parametrize("name", NAMES)
def test_the_file_of_python_writes_the_same_without_handgrad(name: str, tmp_path: Path) -> None:
    path = tmp_path / "gpt.py"
    assert str(hg.export(model(name), path).checks[0]).endswith(
        "400 characters, same bits as the layers"
    )
    script = tmp_path / "calls.py"
    script.write_text(
        "import json, sys\n"
        "sys.modules['handgrad'] = None\n"
        "import gpt\n"
        "assert gpt.check()\n"
        f"cases = {[*CASES]!r}\n"
        f"print(json.dumps([gpt.write(s, {LENGTH}, t, r)[len(s):] for s, t, r in cases]))\n"
        "for options in ({'start': 'abZ'}, {'length': 0}, {'temperature': -1.0}):\n"
        "    try:\n"
        "        gpt.write(**options)\n"
        "    except ValueError as error:\n"
        "        print(str(error)[:20])\n",
        "utf-8",
    )
    done = run([sys.executable, "-X", "utf8", "-W", "error", script])
    assert done.returncode == 0, done.stderr
    texts, *told = done.stdout.splitlines()
    assert json.loads(texts) == written(name)
    assert told[0].startswith("'Z' at position 2;")
    assert told[1].startswith("length=0")
    assert told[2].startswith("length=400")
    done = run([sys.executable, "-X", "utf8", path, "the cat", LENGTH, 1.0, 0])
    assert done.stdout == f"the cat{written(name)[2]}\n"


def test_the_layers_write_the_same_as_the_portable_program() -> None:
    for name in NAMES:
        by_layers = hg.LanguageModel(**{**model(name).get_params(), "engine": "eager"})
        by_layers.__dict__.update({k: v for k, v in vars(model(name)).items() if k[-1] == "_"})
        for (start, temperature, seed), text in zip(CASES, written(name), strict=True):
            options: Any = {"length": LENGTH, "temperature": temperature, "rng": seed}
            assert by_layers.write(start, **options) == start + text


def test_what_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    for ending, told in {
        ".c": "a C compiler: not run",
        ".js": "node: not run",
        ".html": "node: not run",
        ".wasm": "node: not run",
    }.items():
        first, second = hg.export(model("recurrent"), tmp_path / f"gpt{ending}").checks
        assert str(first).startswith(told)
        assert "position" in str(second)


def test_other_endings_and_arguments_are_refused(tmp_path: Path) -> None:
    for ending in (".onnx", "_torch.py"):
        with refused(
            hg.errors.SettingError, ".py (", ".html (", ".wasm (", ".js (", ".c (", "try: gpt.js"
        ):
            hg.export(model("recurrent"), tmp_path / f"gpt{ending}")
    with refused(hg.errors.SettingError, "x for a language model"):
        hg.export(model("recurrent"), tmp_path / "gpt.c", [[0]])
    with refused(hg.errors.SettingError, "not fitted"):
        hg.export(hg.LanguageModel(), tmp_path / "gpt.c")
    assert [*tmp_path.iterdir()] == []


def test_a_net_that_overflows_is_not_exported(tmp_path: Path) -> None:
    broken = hg.LanguageModel(**model("recurrent").get_params())
    broken.__dict__.update({k: v for k, v in vars(model("recurrent")).items() if k[-1] == "_"})
    broken.net_ = hg.load(hg.save(model("recurrent").net_, tmp_path / "net.safetensors"))
    broken.net_.parameters[...] = np.nan
    with refused(hg.errors.DataError, "NaN or infinity"):
        hg.export(broken, tmp_path / "gpt.c")
    with refused(hg.errors.DataError, "NaN or infinity"):
        broken.write("a")

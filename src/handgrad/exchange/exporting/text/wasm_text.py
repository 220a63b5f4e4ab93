"""Export of a language model to one WebAssembly module."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

from handgrad.engines.portable.webassembly import webassembly
from handgrad.exchange.exporting.portable.node import ABSENT, node_version, run_in_node
from handgrad.exchange.exporting.portable.programs import AGAINST
from handgrad.exchange.exporting.proof import Check
from handgrad.exchange.exporting.text.wasm_code import TextFunctions
from handgrad.exchange.exporting.text.writer_spec import WriterSpec

# Generates texts as a web page does.
MAIN = """
function main({ module, samples }) {
  const bytes = Uint8Array.from(Buffer.from(module, "base64"));
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  const { memory, heap, begin, next } = exports;
  const token = () => {
    const all = new Uint8Array(memory.buffer), at = next();
    return new TextDecoder().decode(all.subarray(at, all.indexOf(0, at)));
  };
  return samples.map(({ start, text, temperature, seed }) => {
    const given = new TextEncoder().encode(`${start}\\0`);
    memory.grow(Math.ceil(given.length / 65536));
    new Uint8Array(memory.buffer, heap.value, given.length).set(given);
    begin(heap.value, temperature, BigInt(seed));
    const length = Array.from(text).length, written = [];
    while (written.length < length) written.push(...token());
    return written.slice(0, length).join("");
  });
}
"""


def write_wasm_text(spec: WriterSpec, path: Path) -> Sequence[Check]:
    """Write the module; compare its texts in Node, if installed."""
    code = webassembly(spec.model, TextFunctions(spec))
    path.write_bytes(code)
    node, right, samples = node_version(), spec.check_of_probabilities(), spec.portable_samples
    if not node:
        return [Check("node", AGAINST, not_run=ABSENT), right]
    argument = {"module": b64encode(code).decode(), "samples": [*map(vars, samples)]}
    return [spec.check_of_texts(node, run_in_node(MAIN, argument), samples, AGAINST), right]

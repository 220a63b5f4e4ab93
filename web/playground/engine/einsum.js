// Einsum, "ni,koi->nko": every number is one chain of products, summed in the order of the letters,
// as in `engines/loops/product_nests.py`.

import { f32 } from "./functions.js";
import { spread } from "./strided.js";
import { offsetsOf } from "./symbolic_sizes.js";

/** Axis letters of the operands and the result; by default the result has those that occur once. */
export function lettersOf({ letters }) {
  const [inputs, output] = letters.replaceAll(" ", "").split("->");
  if (letters.includes(".")) throw new Error(`axes without letters, ${letters}`);
  const all = [...inputs.replaceAll(",", "")];
  const once = () => all.filter((one) => all.indexOf(one) === all.lastIndexOf(one)).sort();
  return { operands: inputs.split(","), output: output ?? once().join("") };
}

/** Size of each letter, in order of first occurrence. */
export function sizesOf(operands, shapes) {
  const sizes = new Map();
  operands.forEach((letters, k) => {
    if (letters.length !== shapes[k].length) throw new Error(`${letters} for (${shapes[k]})`);
    [...letters].forEach((letter, axis) => {
      const size = shapes[k][axis];
      if ((sizes.get(letter) ?? size) !== size) throw new Error("a product that broadcasts");
      sizes.set(letter, size);
    });
  });
  return sizes;
}

/** Lower an einsum to products of two operands, as `graph/passes/lower.py` does. */
export function einsum(builder, node) {
  const [text, ...refs] = node.args;
  const { operands, output } = lettersOf(text);
  const left = operands.map((letters, k) => [refs[k], letters]);
  while (left.length > 2) {
    const [[a, first], [b, second], ...rest] = left;
    const later = output + rest.map(([, letters]) => letters).join("");
    const kept = [...new Set(first + second)].filter((letter) => later.includes(letter)).join("");
    const sizes = sizesOf([first, second], [builder.of(a).shape, builder.of(b).shape]);
    const shape = [...kept].map((letter) => sizes.get(letter));
    const made = builder.add(
      "einsum",
      [{ letters: `${first},${second}->${kept}` }, a, b],
      shape,
      "f",
    );
    left.splice(0, 2, [made, kept]);
  }
  const letters = `${left.map(([, own]) => own).join(",")}->${output}`;
  return builder.alike(node, "einsum", { letters }, ...left.map(([ref]) => ref));
}

/** Create a step that computes `out` from one or two arrays; sums begin at `start`, if given. */
export function summing(out, text, arrays, start) {
  const { operands, output } = lettersOf(text);
  const sizes = sizesOf(
    operands,
    arrays.map(({ shape }) => shape),
  );
  const inner = [...sizes.keys()].filter((letter) => !output.includes(letter));
  const over = (letters, k) => {
    const { strides } = arrays[k];
    const steps = letters.map((letter) =>
      [...operands[k]].reduce((sum, own, axis) => sum + (own === letter ? strides[axis] : 0), 0),
    );
    return offsetsOf(
      letters.map((letter) => sizes.get(letter)),
      steps,
    );
  };
  const outer = operands.map((_, k) => over([...output], k));
  const along = operands.map((_, k) => over(inner, k));
  const [a, b] = arrays;
  const { data, shape } = out;
  const begins = start && offsetsOf(shape, spread(start, shape));
  return () => {
    for (let i = 0; i < data.length; i++) {
      let total = start ? start.data[start.offset + begins[i]] : 0;
      const p = a.offset + outer[0][i];
      const q = b ? b.offset + outer[1][i] : 0;
      for (let j = 0; j < along[0].length; j++) {
        const number = a.data[p + along[0][j]];
        total = f32(total + (b ? f32(number * b.data[q + along[1][j]]) : number));
      }
      data[i] = total;
    }
  };
}

// Views: lowering of slices, transposes and reshapes to strided reads of a stored array.

import { valueAt } from "./constants.js";
import { Slice } from "./graph.js";
import { axesOf, sliced, wholeIndex } from "./shapes.js";
import { N, stridesOf } from "./symbolic_sizes.js";

export const VIEWS = new Set(["reshape", "ravel", "transpose"]);

/** View that a node takes of its first argument; a view of a view refers to the base. */
export function viewBy(builder, node) {
  let [x] = node.args;
  if (!liesInRows(stridedArray(builder, x)) && ["reshape", "ravel"].includes(node.op)) {
    const { shape, kind } = builder.of(x);
    x = builder.add("concatenate", [[x], 0], shape, kind);
  }
  const found = TAKEN[node.op](stridedArray(builder, x), node);
  const base = builder.is(x, "view") ? builder.of(x).args[0] : x;
  return builder.add("view", [base, found], node.shape, node.kind);
}

/** Strided form of a node: { shape, offset, strides }. */
function stridedArray(builder, x) {
  const { op, args, shape } = builder.of(x);
  return op === "view" ? { shape, ...args[1] } : { shape, offset: 0, strides: stridesOf(shape) };
}

function liesInRows({ shape, strides }) {
  const usual = stridesOf(shape);
  return shape.every((size, i) => size === 1 || strides[i] === usual[i]);
}

const TAKEN = {
  reshape: ({ offset }, node) => ({ offset, strides: stridesOf(node.shape) }),
  ravel: ({ offset }, node) => ({ offset, strides: stridesOf(node.shape) }),
  transpose: ({ offset, strides }, node) => {
    const axes = axesOf(strides.length, node.args, node.options);
    return { offset, strides: axes.map((axis) => strides[axis]) };
  },
  getitem: partOf,
};

function partOf({ shape, offset, strides }, node) {
  let axis = 0;
  const found = [];
  for (const part of wholeIndex(node.args[1], shape.length)) {
    if (part === null) {
      found.push(0);
    } else if (part instanceof Slice) {
      const [start, , step] = sliced(part, shape[axis]);
      offset += start * strides[axis];
      found.push(step * strides[axis++]);
    } else {
      const place = valueAt(part, N);
      offset += (place < 0 ? place + shape[axis] : place) * strides[axis++];
    }
  }
  return { offset, strides: found };
}

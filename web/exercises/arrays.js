// Arrays with NumPy's semantics in float64, as far as an exercise needs them.
//
// An array is { shape, kind, values }: kind is "float", "int" or "bool", values a plain list in
// row-major order. What NumPy refuses throws an ArrayError.

/** Error of an array operation that NumPy refuses: incompatible shapes or kinds. */
export class ArrayError extends Error {}

/** Create an array from its shape and values. */
export const array = (shape, values, kind = "float") => ({ shape, kind, values });

/** Create a single number, without axes. */
export const scalar = (value, kind = "float") => array([], [value], kind);

/** Test if a value is an array. */
export const isArray = (value) => Array.isArray(value?.shape);

const sizeOf = (shape) => shape.reduce((size, k) => size * k, 1);

/** Strides: distance in `values` between neighbours along each axis. */
function strides(shape) {
  const found = new Array(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
    found[axis] = step;
    step *= shape[axis];
  }
  return found;
}

/** Shape to which several shapes are broadcast; an ArrayError if they are incompatible. */
export function broadcastShape(...shapes) {
  const axes = Math.max(...shapes.map((shape) => shape.length));
  const found = new Array(axes).fill(1);
  for (const shape of shapes)
    shape.forEach((k, i) => {
      const axis = axes - shape.length + i;
      if (k !== 1 && found[axis] !== 1 && found[axis] !== k) throw new ArrayError("shapes");
      if (k !== 1) found[axis] = k;
    });
  return found;
}

/** Broadcast an array to a shape. */
export function broadcast(a, shape) {
  const extra = shape.length - a.shape.length;
  const steps = strides(a.shape).map((step, i) => (a.shape[i] === 1 ? 0 : step));
  const values = indices(shape).map((index) =>
    steps.reduce((place, step, i) => place + step * index[extra + i], 0),
  );
  return array(
    shape,
    values.map((place) => a.values[place]),
    a.kind,
  );
}

/** Indices of all elements of a shape, in order. */
export function indices(shape) {
  let found = [[]];
  for (const k of shape)
    found = found.flatMap((index) => Array.from({ length: k }, (_, i) => [...index, i]));
  return found;
}

/** Apply `work` elementwise to broadcast arrays. */
export function each(work, kind, ...arrays) {
  const shape = broadcastShape(...arrays.map((a) => a.shape));
  const lists = arrays.map((a) => broadcast(a, shape).values);
  const values = Array.from({ length: sizeOf(shape) }, (_, i) =>
    kind === "int"
      ? work(...lists.map((list) => list[i])) + 0 // integers have no −0
      : work(...lists.map((list) => list[i])),
  );
  return array(shape, values, kind);
}

/** Result kind of two kinds in a sum or a product. */
export const resultKind = (...kinds) =>
  kinds.includes("float") ? "float" : kinds.includes("int") ? "int" : "bool";

/** Transpose an array: its axes reversed. */
export function transposed(a) {
  const shape = [...a.shape].reverse();
  const steps = strides(a.shape).reverse();
  const values = indices(shape).map(
    (index) => a.values[index.reduce((place, i, axis) => place + i * steps[axis], 0)],
  );
  return array(shape, values, a.kind);
}

/** Matrix product; either side may be a vector. */
export function product(a, b) {
  if (!a.shape.length || !b.shape.length || a.shape.length > 2 || b.shape.length > 2)
    throw new ArrayError("axes");
  const left = a.shape.length === 1 ? [1, ...a.shape] : a.shape;
  const right = b.shape.length === 1 ? [...b.shape, 1] : b.shape;
  if (left[1] !== right[0]) throw new ArrayError("shapes");
  const [m, k] = left;
  const n = right[1];
  const kind = resultKind(a.kind, b.kind);
  const values = indices([m, n]).map(([i, j]) => {
    let sum = 0;
    for (let l = 0; l < k; l += 1) sum += a.values[i * k + l] * b.values[l * n + j];
    return kind === "bool" ? Math.min(sum, 1) : sum;
  });
  const shape = [...(a.shape.length === 1 ? [] : [m]), ...(b.shape.length === 1 ? [] : [n])];
  return array(shape, values, kind);
}

/**
 * Nonnegative axis number; an ArrayError if there is no such axis. A single number has one, too.
 */
function axisOf(axis, axes) {
  const count = Math.max(axes, 1);
  if (!Number.isInteger(axis) || axis < -count || axis >= count) throw new ArrayError("axis");
  return axis < 0 ? axis + count : axis;
}

/** Reduce an array along axes (null: all): `work` maps a list of numbers to one. */
export function reduced(a, work, kind, axes, keep) {
  const all = a.shape.map((_, axis) => axis);
  const gone = new Set((axes ?? all).map((axis) => axisOf(axis, a.shape.length)));
  const kept = all.filter((axis) => !gone.has(axis));
  const shape = kept.map((axis) => a.shape[axis]);
  const lists = Array.from({ length: sizeOf(shape) }, () => []);
  const steps = strides(shape);
  indices(a.shape).forEach((index, i) => {
    const place = kept.reduce((sum, axis, j) => sum + index[axis] * steps[j], 0);
    lists[place].push(a.values[i]);
  });
  const whole = a.shape.map((k, axis) => (gone.has(axis) ? 1 : k));
  return array(keep ? whole : shape, lists.map(work), kind);
}

/** Reshape an array; one size may be -1, inferred from the others. */
export function reshaped(a, shape) {
  const known = sizeOf(shape.filter((k) => k !== -1));
  const open = shape.filter((k) => k === -1).length;
  const sizes = shape.map((k) => (k === -1 ? a.values.length / known : k));
  const fits = sizes.every((k) => Number.isInteger(k) && k >= 0);
  if (open > 1 || !fits || sizeOf(sizes) !== a.values.length) throw new ArrayError("shape");
  return array(sizes, a.values, a.kind);
}

/** Index an array; items are numbers, arrays, slices, null or "...". */
export function indexed(a, items) {
  const plan = planOf(a, items);
  const lists = plan.filter(({ list }) => list);
  const fancy = lists.some(({ list }) => list.shape.length);
  const common = broadcastShape([], ...lists.map(({ list }) => list.shape));
  const own = lists.map(({ list }) => broadcast(list, common).values);
  const first = plan.findIndex(({ list }) => list);
  const last = plan.findLastIndex(({ list }) => list);
  const together = plan.slice(first, last + 1).every(({ list }) => list);
  const place = fancy ? (together ? first : 0) : -1;
  // axes of the result: those of slices and new ones in their order, the common ones at `place`
  const axes = [];
  plan.forEach((part, i) => {
    if (i === place) axes.push(...common.map((k) => ({ size: k, common: true })));
    if (!part.list) axes.push({ size: part.size, part });
  });
  const shape = axes.map(({ size }) => size);
  const steps = strides(a.shape);
  const inner = strides(common);
  const values = indices(shape).map((index) => {
    let at = 0;
    let which = 0;
    let seen = 0;
    axes.forEach(({ part, common: isCommon }, i) => {
      if (isCommon) which += index[i] * inner[seen++];
      else if (part.axis !== null) at += (part.from + index[i] * part.by) * steps[part.axis];
    });
    lists.forEach(({ axis }, i) => (at += own[i][which] * steps[axis]));
    return a.values[at];
  });
  return array(shape, values, a.kind);
}

/** Expand the items of an index: one for each axis of the array and each new one. */
function planOf(a, items) {
  const wide = items.flatMap((item) => (item?.kind === "bool" ? whereTrue(item) : [item]));
  const used = wide.filter((item) => item !== null && item !== "...").length;
  const left = a.shape.length - used;
  const rests = wide.filter((item) => item === "...").length;
  if (left < 0 || rests > 1) throw new ArrayError("index");
  const rest = Array.from({ length: left }, () => ({ from: null, to: null, by: null }));
  const full = rests
    ? wide.flatMap((item) => (item === "..." ? rest : [item]))
    : [...wide, ...rest];
  let axis = 0;
  return full.map((item) => {
    if (item === null) return { axis: null, size: 1 };
    const k = a.shape[axis];
    const part = isArray(item) ? listOf(item, k) : sliceOf(item, k);
    return { ...part, axis: axis++ };
  });
}

/** Indices of true elements, an array of integers for each axis. */
function whereTrue(truths) {
  if (!truths.shape.length) throw new ArrayError("index");
  const found = indices(truths.shape).filter((_, i) => truths.values[i]);
  return truths.shape.map((size, axis) => {
    const places = found.map((index) => index[axis]);
    return { ...array([found.length], places, "int"), size };
  });
}

function listOf(item, size) {
  if (item.kind !== "int" || (item.size ?? size) !== size) throw new ArrayError("index");
  const values = item.values.map((i) => {
    if (i < -size || i >= size) throw new ArrayError("index");
    return i < 0 ? i + size : i;
  });
  return { list: array(item.shape, values, "int") };
}

function sliceOf({ from, to, by }, size) {
  const step = by ?? 1;
  if (step === 0) throw new ArrayError("index");
  const low = step < 0 ? -1 : 0;
  const high = step < 0 ? size - 1 : size;
  const bound = (i) => Math.min(Math.max(i < 0 ? i + size : i, low), high);
  const start = from === null ? (step < 0 ? high : low) : bound(from);
  const stop = to === null ? (step < 0 ? low : high) : bound(to);
  return { from: start, by: step, size: Math.max(0, -Math.floor((start - stop) / step)) };
}

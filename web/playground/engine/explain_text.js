// Text of terms and formulas, as in `learn/explaining/terms.py` and `graph/printing.py`.

const LEVELS = {
  or: 1,
  xor: 1,
  and: 2,
  less: 0,
  less_equal: 0,
  greater: 0,
  greater_equal: 0,
  equal: 0,
  not_equal: 0,
  add: 3,
  subtract: 3,
  multiply: 4,
  divide: 4,
  matmul: 4,
  power: 6,
};
const SYMBOLS = {
  or: "|",
  xor: "^",
  and: "&",
  less: "<",
  less_equal: "<=",
  greater: ">",
  greater_equal: ">=",
  equal: "==",
  not_equal: "!=",
  add: "+",
  subtract: "-",
  multiply: "*",
  divide: "/",
  matmul: "@",
  power: "**",
};
const SIGNS = { multiply: "·", subtract: " − ", power: "^" };
const [SUM, PRODUCT, UNARY, ATOM] = [3, 4, 5, 9];
const TYPES = { f: "float32", d: "float64", i: "int64", b: "bool" };

/** Format a number like Python's format "g", without its sign. */
function general(number, digits) {
  if (!Number.isFinite(number)) return Number.isNaN(number) ? "nan" : "inf";
  if (number === 0) return "0";
  const [, mantissa, power] = /^(.*)e(.*)$/.exec(number.toExponential(digits - 1));
  const exponent = Number(power);
  const plain = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  if (exponent >= -4 && exponent < digits) {
    return plain(number.toFixed(Math.max(0, digits - 1 - exponent)));
  }
  const sign = exponent < 0 ? "-" : "+";
  return `${plain(mantissa)}e${sign}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

/**
 * Formatter of terms, numbers to `digits` significant digits; `words` has the texts for omitted
 * terms.
 */
export class Writer {
  constructor(nodes, digits, words) {
    this.nodes = nodes;
    this.digits = digits;
    this.words = words;
  }

  shown(number, kind = "f") {
    const size = Math.abs(number);
    const text = "ib".includes(kind) ? String(size) : general(size, this.digits);
    return number < 0 ? `−${text}` : text;
  }

  text(term, binds = 0) {
    if ("number" in term) {
      const text = this.shown(term.number, this.nodes[term.node]?.kind);
      return binds && term.number < 0 ? `(${text})` : text;
    }
    if ("rest" in term) {
      return `[${this.words[term.kind].replace("{}", term.count)}: ${this.shown(term.rest)}]`;
    }
    return "many" in term ? this.many(term, binds) : this.elementwise(term, binds);
  }

  elementwise({ op, parts }, binds) {
    if (op === "negative" || op === "invert") {
      const text = `${op === "negative" ? "−" : "~"}${this.text(parts[0], UNARY)}`;
      return binds > SUM ? `(${text})` : text;
    }
    if (!(op in LEVELS)) return `${op}(${parts.map((part) => this.text(part)).join(", ")})`;
    const level = LEVELS[op];
    const [left, right] = parts;
    const compared = level === 0;
    const lone = level === SUM && "number" in left;
    const first = this.text(left, lone ? 0 : level + (compared || op === "power" ? 1 : 0));
    let sign = SIGNS[op] ?? ` ${SYMBOLS[op]} `;
    if (left.op === "divide" && sign === "·") sign = " · ";
    const text = `${first}${sign}${this.text(right, level + 1)}`;
    return level < binds || (compared && binds) ? `(${text})` : text;
  }

  many({ many, parts, divisor }, binds) {
    if (many === "max" || many === "min") {
      return `${many}(${parts.map((part) => this.text(part)).join(", ")})`;
    }
    const sign = many === "sum" ? " + " : "·";
    let level = many === "sum" ? SUM : PRODUCT;
    const [first, ...others] = parts;
    if (divisor === 1 && !others.length) return this.text(first, binds);
    const lone = "number" in first && level === SUM;
    const written = [this.text(first, lone ? 0 : level)];
    written.push(...others.map((part) => this.text(part, level + 1)));
    let text = written.join(sign);
    if (divisor !== 1) {
      text = `${others.length ? `(${text})` : this.text(first, PRODUCT)} / ${divisor}`;
      level = PRODUCT;
    }
    return level < binds ? `(${text})` : text;
  }
}

/** Formula of a node with the names of others: `x @ W_0.T + b_0`. */
export const formulaOf = (nodes, names, i) => expression(nodes, names, i)[0];

function expression(nodes, names, i) {
  const { op, args, options } = nodes[i];
  const text = (value, binds = 0) => {
    if (value !== null && typeof value === "object" && "node" in value) {
      if (names.has(value.node)) return names.get(value.node);
      const [inner, tight] = expression(nodes, names, value.node);
      return tight >= binds ? inner : `(${inner})`;
    }
    if (Array.isArray(value)) return `[${value.map((part) => text(part)).join(", ")}]`;
    const constant = constantText(value);
    return tightness(value, constant) >= binds ? constant : `(${constant})`;
  };
  if (op in LEVELS) {
    const level = LEVELS[op];
    const isRef = args[1] !== null && typeof args[1] === "object" && "node" in args[1];
    const right = op === "multiply" && !isRef ? level : level + 1;
    return [`${text(args[0], level)} ${SYMBOLS[op]} ${text(args[1], right)}`, level];
  }
  if (op === "negative") return [`-${text(args[0], UNARY)}`, UNARY];
  if (op === "invert") return [`~${text(args[0], UNARY)}`, UNARY];
  if (op === "transpose" && args.length === 1) return [`${text(args[0], ATOM)}.T`, ATOM];
  if (["getitem", "setitem", "add_at"].includes(op)) {
    const index = (Array.isArray(args[1]) ? args[1] : [args[1]])
      .map((part) => text(part))
      .join(", ");
    if (op === "getitem") return [`${text(args[0], ATOM)}[${index}]`, ATOM];
    return [
      `${text(args[0])} with [${index}] ${op === "setitem" ? "=" : "+="} ${text(args[2])}`,
      0,
    ];
  }
  if (op === "random") return [`rng.random(${text(args.slice(1)[0])}, dtype=float32)`, ATOM];
  const given = args.map((part) => text(part));
  for (const [name, value] of Object.entries(options)) {
    if (value !== null) given.push(`${name}=${text(value)}`);
  }
  return [`${op}(${given.join(", ")})`, ATOM];
}

function tightness(value, constant) {
  if (isFollowing(value) && /[+-] \d/.test(constant)) return SUM;
  if (isFollowing(value) && /[*/]/.test(constant)) return PRODUCT;
  return constant.startsWith("-") ? UNARY : ATOM;
}

const isFollowing = (value) => value !== null && typeof value === "object" && "n" in value;

function constantText(value) {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number") return value < 0 ? `-${general(-value, 6)}` : general(value, 6);
  if (typeof value === "string") return value;
  if (isFollowing(value)) return followingText(value.n);
  if ("slice" in value) {
    const [start, stop, step] = value.slice.map((end) => (end === null ? "" : constantText(end)));
    return `${start}:${stop}${step ? `:${step}` : ""}`;
  }
  return "dots" in value ? "..." : (TYPES[value.type] ?? String(value));
}

/** Format a constant that depends on the number of rows, as `graph/symbolic.py` does. */
function followingText(text) {
  if (text === "rows") return "arange(n)";
  const linear = /^(-?\d+)n\+(-?\d+)$/.exec(text);
  if (!linear) return text.replace(/^1\*(?=n)/, "").replace("/(1*n)", "/n");
  const [slope, offset] = linear.slice(1).map(Number);
  const first = slope === 1 ? "n" : slope === -1 ? "-n" : `${slope}*n`;
  return offset ? `${first} ${offset > 0 ? "+" : "-"} ${Math.abs(offset)}` : first;
}

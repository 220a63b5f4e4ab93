// Formula parser: a subset of Python's and NumPy's syntax to a syntax tree; evaluates nothing.
//
// A node is one of these, each with `at` and `end`, its position in the text:
//   { kind: "number", value }                  { kind: "name", name }
//   { kind: "constant", value }                true, false or null, which is None
//   { kind: "unary", sign, of }                + - ~ not
//   { kind: "binary", sign, left, right }      + - * / // % @ ** & |
//   { kind: "compare", signs, terms }          < <= > >= == !=, chained as in a < b < c
//   { kind: "logic", sign, terms }             and, or
//   { kind: "call", of, values, named }        named: [{ name, value }], as in axis=0
//   { kind: "attribute", of, name }            x.T, x.sum, np.exp
//   { kind: "index", of, items }               x[0, :, None]; an item may be a slice or "..."
//   { kind: "slice", from, to, by }            each may be null
//   { kind: "rest" }                           the "..." of an index
//   { kind: "tuple", items }                   { kind: "list", items }

// common notations, and how Python writes them
import SIGNS from "./formula_signs.json" with { type: "json" };

const LONGEST = 2000;
const DEEPEST = 100;

const TOKEN = new RegExp(
  [
    "(?<blank>[ \\t\\r\\n\\f\\u3000]+)",
    "(?<number>(?:D(?:\\.D?)?|\\.D)(?:[eE][+-]?D)?)".replaceAll("D", "(?:\\d+(?:_\\d+)*)"),
    "(?<name>[\\p{XID_Start}_]\\p{XID_Continue}*)",
    "(?<sign>\\*\\*|//|<=|>=|==|!=|\\.\\.\\.|[-+*/%@~&|<>()[\\],:=.])",
  ].join("|"),
  "uy",
);
const KEYWORDS = new Set(
  (
    "if else for in is lambda await async yield from import def class return del pass raise " +
    "while with try except finally global nonlocal assert break continue as elif"
  ).split(" "),
);
const CONSTANTS = new Map([
  ["True", true],
  ["False", false],
  ["None", null],
]);
const RESERVED = new Set([...KEYWORDS, ...CONSTANTS.keys(), "and", "or", "not"]);
// binary operators by precedence, lowest first; ** is separate, since it is right-associative
const BINARY = [["|"], ["&"], ["+", "-"], ["*", "/", "//", "%", "@"]];
const COMPARE = ["<", "<=", ">", ">=", "==", "!="];
const CLOSING = { "(": ")", "[": "]" };
/** Syntax error in a formula: a key of formula_words.json, its values, begin and end. */
export class FormulaError extends Error {
  constructor(key, values, at, end) {
    super(`${key} ${JSON.stringify(values)} at ${at}`);
    Object.assign(this, { name: "FormulaError", key, values, at, end });
  }
}

/** Parse a formula to a syntax tree; throws a FormulaError. */
export function parseFormula(text) {
  if (text.length > LONGEST)
    throw new FormulaError("formula_long", { most: LONGEST }, LONGEST, text.length);
  const parser = new Parser(text, tokensIn(text));
  if (parser.next.kind === "end") throw new FormulaError("formula_empty", {}, 0, text.length);
  const { at } = parser.next;
  const { items, comma } = parser.items();
  if (parser.next.kind !== "end") parser.refuse();
  return comma ? parser.node(at, "tuple", { items }) : items[0];
}

/** Free names of a formula, each once, in order; without `np`. */
export function namesIn(tree) {
  const found = new Set();
  const look = (node) => {
    if (Array.isArray(node)) node.forEach(look);
    else if (node && typeof node === "object") {
      if (node.kind === "name") found.add(node.name);
      Object.values(node).forEach(look);
    }
  };
  look(tree);
  found.delete("np");
  return [...found];
}

function tokensIn(text) {
  const tokens = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const found = TOKEN.exec(text);
    if (!found) throw wrongSign(text, at);
    const kind = Object.keys(found.groups).find((name) => found.groups[name] !== undefined);
    if (kind !== "blank") tokens.push({ kind, text: found[0], at, end: TOKEN.lastIndex });
  }
  tokens.push({ kind: "end", text: "", at: text.length, end: text.length });
  return tokens;
}

function wrongSign(text, at) {
  const came = String.fromCodePoint(text.codePointAt(at));
  const end = at + came.length;
  if (came === '"' || came === "'") return new FormulaError("formula_text", {}, at, end);
  const narrow = came.normalize("NFKC");
  const write = SIGNS[came] ?? (narrow !== came && /^[!-~]$/u.test(narrow) ? narrow : "");
  return new FormulaError(write ? "formula_instead" : "formula_sign", { came, write }, at, end);
}

class Parser {
  constructor(text, tokens) {
    Object.assign(this, { text, tokens, i: 0, depth: 0, open: [] });
  }

  get next() {
    return this.tokens[this.i];
  }

  /** Consume the next token if it is one of these, and return its text. */
  take(...texts) {
    const { kind, text } = this.next;
    if (!texts.includes(text) || kind === "number") return "";
    this.i += 1;
    return text;
  }

  node(at, kind, parts) {
    return { kind, ...parts, at, end: this.tokens[this.i - 1].end };
  }

  /** Throw the error of an unexpected token. */
  refuse() {
    const { kind, text, at, end } = this.next;
    const before = this.tokens[this.i - 1];
    const whole = before && (before.kind !== "sign" || ")]".includes(before.text));
    if (kind === "end") {
      const opened = this.open.at(-1);
      if (!opened || !whole) throw new FormulaError("formula_ends", {}, at, end);
      const values = { came: opened.text, write: CLOSING[opened.text] };
      throw new FormulaError("formula_open", values, opened.at, opened.end);
    }
    if (text === "=") throw new FormulaError("formula_assigns", {}, at, end);
    if (KEYWORDS.has(text)) throw new FormulaError("formula_keyword", { came: text }, at, end);
    const follows = kind !== "sign" || text === "(" || text === "[";
    if (whole && follows) {
      const write = `${before.text} * ${text}`;
      throw new FormulaError("formula_times", { came: before.text + text, write }, before.at, end);
    }
    throw new FormulaError("formula_unexpected", { came: text }, at, end);
  }

  /** Call `read` one nesting level deeper. */
  deeper(read) {
    const { at, end } = this.next;
    this.depth += 1;
    if (this.depth > DEEPEST) throw new FormulaError("formula_deep", { most: DEEPEST }, at, end);
    const found = read();
    this.depth -= 1;
    return found;
  }

  /** Parse expressions separated by commas; a comma makes them a tuple. */
  items() {
    const items = [this.expression()];
    let comma = false;
    while (this.take(",")) {
      comma = true;
      if (!this.begins()) break;
      items.push(this.expression());
    }
    return { items, comma };
  }

  begins() {
    return this.next.kind !== "end" && !")],:=".includes(this.next.text);
  }

  expression() {
    return this.deeper(() => this.logic("or", () => this.logic("and", () => this.not())));
  }

  logic(sign, read) {
    const { at } = this.next;
    const terms = [read()];
    while (this.take(sign)) terms.push(read());
    return terms.length === 1 ? terms[0] : this.node(at, "logic", { sign, terms });
  }

  not() {
    const { at } = this.next;
    if (!this.take("not")) return this.comparison();
    return this.deeper(() => this.node(at, "unary", { sign: "not", of: this.not() }));
  }

  comparison() {
    const { at } = this.next;
    const terms = [this.binary(0)];
    const signs = [];
    for (let sign; (sign = this.take(...COMPARE)); terms.push(this.binary(0))) signs.push(sign);
    return signs.length ? this.node(at, "compare", { signs, terms }) : terms[0];
  }

  binary(level) {
    if (level === BINARY.length) return this.unary();
    const { at } = this.next;
    let left = this.binary(level + 1);
    for (let sign; (sign = this.take(...BINARY[level]));) {
      const right = this.binary(level + 1);
      left = this.node(at, "binary", { sign, left, right });
    }
    return left;
  }

  unary() {
    const { at } = this.next;
    const sign = this.take("+", "-", "~");
    if (!sign) return this.power();
    return this.deeper(() => {
      const of = this.unary();
      return this.node(at, "unary", { sign, of });
    });
  }

  power() {
    const { at } = this.next;
    const left = this.primary();
    if (!this.take("**")) return left;
    return this.deeper(() => {
      const right = this.unary();
      return this.node(at, "binary", { sign: "**", left, right });
    });
  }

  primary() {
    const { at } = this.next;
    let of = this.atom();
    for (;;) {
      if (this.take(".")) {
        if (this.next.kind !== "name") this.refuse();
        const name = this.name();
        of = this.node(at, "attribute", { of, name });
      } else if (this.next.text === "(") {
        const { values, named } = this.within(() => this.given());
        of = this.node(at, "call", { of, values, named });
      } else if (this.next.text === "[") {
        const items = this.within(() => {
          if (this.next.text === "]") this.refuse();
          return this.list(() => this.indexItem());
        });
        of = this.node(at, "index", { of, items });
      } else return of;
    }
  }

  name() {
    if (RESERVED.has(this.next.text)) this.refuse();
    this.i += 1;
    return this.tokens[this.i - 1].text.normalize("NFKC");
  }

  /** Parse with `read` between the next bracket and the closing one. */
  within(read) {
    const opened = this.next;
    this.open.push(opened);
    this.i += 1;
    const found = this.deeper(read);
    if (!this.take(CLOSING[opened.text])) this.refuse();
    this.open.pop();
    return found;
  }

  list(read) {
    const items = [];
    while (!")]".includes(this.next.text) || this.next.kind === "end") {
      items.push(read());
      if (!this.take(",")) break;
    }
    return items;
  }

  given() {
    const values = [];
    const named = [];
    this.list(() => {
      const { kind, text } = this.next;
      const names = kind === "name" && !RESERVED.has(text);
      if (names && this.tokens[this.i + 1].text === "=") {
        const name = this.name();
        this.i += 1;
        named.push({ name, value: this.expression() });
      } else if (named.length && this.begins()) {
        const { at, end } = this.next;
        throw new FormulaError("formula_order", { came: text }, at, end);
      } else values.push(this.expression());
    });
    return { values, named };
  }

  indexItem() {
    const { at } = this.next;
    if (this.take("...")) return this.node(at, "rest", {});
    const limit = () => (this.begins() ? this.expression() : null);
    const from = limit();
    if (!this.take(":")) return from ?? this.refuse();
    const to = limit();
    const by = this.take(":") ? limit() : null;
    return this.node(at, "slice", { from, to, by });
  }

  atom() {
    const { kind, text, at } = this.next;
    if (kind === "number") return this.number();
    if (kind === "name" && CONSTANTS.has(text)) {
      this.i += 1;
      return this.node(at, "constant", { value: CONSTANTS.get(text) });
    }
    if (kind === "name") {
      const name = this.name();
      return this.node(at, "name", { name });
    }
    if (text === "[") {
      const items = this.within(() => this.list(() => this.expression()));
      return this.node(at, "list", { items });
    }
    if (text !== "(") this.refuse();
    const nothing = { items: [], comma: true };
    const { items, comma } = this.within(() => (this.next.text === ")" ? nothing : this.items()));
    return comma ? this.node(at, "tuple", { items }) : items[0];
  }

  number() {
    const { text, at, end } = this.next;
    const value = Number(text.replaceAll("_", ""));
    if (/^0[\d_]*[1-9][\d_]*$/u.test(text)) {
      const write = String(value);
      throw new FormulaError("formula_instead", { came: text, write }, at, end);
    }
    this.i += 1;
    return this.node(at, "number", { value });
  }
}

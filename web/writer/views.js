// Views of a text: its tokens by color, a picture for each attention head, the next tokens.

import {
  bindText,
  element,
  formatNumber,
  formatPercent,
  translate,
  visible,
} from "../shared/words.js";

const MOST_BARS = 12;
/** Bits of the strongest color. */
const MOST_BITS = 8;
/** Part of the color in the strongest token, on which its letters are still readable. */
const STRONGEST = 0.45;
const SIGNS = new Map([
  [" ", "␣"],
  ["\n", "↵"],
  ["\t", "⇥"],
]);

/** A token on its own: spaces and line breaks by their signs. */
export const tokenText = (token) =>
  visible(Array.from(token, (character) => SIGNS.get(character) ?? character).join(""));

const styleOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const channels = (color) => {
  const digits = color.length < 5 ? color.slice(1).replace(/./g, "$&$&") : color.slice(1);
  return [0, 2, 4].map((i) => parseInt(digits.slice(i, i + 2), 16));
};

/** Colors from that of a block, at 0, to a color of the page, at 1: [r, g, b]. */
function colorsTo(name) {
  const [from, to] = [channels(styleOf("--block")), channels(styleOf(name))];
  return (share) => from.map((value, i) => Math.round(value + share * (to[i] - value)));
}

/** Bits per character of a token; NaN for the first one. */
const bitsOf = ({ tokens, surprisals }, i) => surprisals[i] / Array.from(tokens[i]).length;

/**
 * Show tokens on the color `name`: `read.shares[i]` of it, and `values[i]` for scripts.
 *
 * `choose(i)` is called with a chosen token.
 */
function paintStrip(place, { tokens, chosen }, name, shares, values) {
  const colors = colorsTo(name);
  const parts = tokens.map((token, i) => {
    const part = element("data", { value: values[i] }, visible(token.replaceAll("\n", "↵\n")));
    if (shares[i] > 0) part.style.backgroundColor = `rgb(${colors(STRONGEST * shares[i])})`;
    if (i === chosen) part.setAttribute("aria-current", "true");
    return part;
  });
  place.replaceChildren(...parts);
}

/** Choose a token of a strip by mouse or arrow keys: `choose(move)` gets the index or a step. */
export function offerChoice(place, choose) {
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -10, ArrowDown: 10 };
  const ends = { Home: -Infinity, End: Infinity };
  place.addEventListener("keydown", (event) => {
    const step = steps[event.key] ?? ends[event.key];
    if (step === undefined) return;
    event.preventDefault();
    choose((chosen) => chosen + step);
  });
  place.addEventListener("click", ({ target }) => {
    const i = Array.from(place.children).indexOf(target);
    if (i >= 0) choose(() => i);
  });
}

/** Show the surprisal of each token. */
export function showSurprisal(place, read) {
  const { tokens, chosen } = read;
  const bits = tokens.map((_, i) => bitsOf(read, i));
  const shares = bits.map((value) => Math.min(value / MOST_BITS, 1));
  paintStrip(place.surprisal, read, "--second", shares, bits);
  const n = tokens.slice(1).reduce((sum, token) => sum + Array.from(token).length, 0);
  const sum = read.surprisals.slice(1).reduce((all, value) => all + value, 0);
  place["surprisal-said"].textContent = n
    ? translate("surprisal_said", { mean: formatNumber(sum / n, 3) })
    : translate("surprisal_none");
  const token = tokens.length ? tokenText(tokens[chosen]) : "";
  const words = { token, i: chosen + 1, bits: formatNumber(bits[chosen] ?? 0, 3) };
  const said = translate(chosen ? "surprisal_at" : "surprisal_first", words);
  place["surprisal-at"].textContent = tokens.length ? translate("strip_help", { said }) : "";
}

/** Make a picture for each head of each layer, of which one is chosen; `changed(head)`. */
export function offerHeads(place, heads, changed) {
  let i = 0;
  heads.forEach((n, layer) => {
    for (let head = 0; head < n; head++, i++) {
      const number = i;
      const input = element("input", { type: "radio", name: "head", value: String(i) });
      input.checked = i === 0;
      input.addEventListener("change", () => changed(number));
      const name = bindText(element("span"), () =>
        translate("head", { layer: layer + 1, head: head + 1 }),
      );
      const canvas = element("canvas", { width: 1, height: 1, "aria-hidden": "true" });
      place.append(element("label", {}, input, " ", name, canvas));
    }
  });
}

/** Show the weights of all heads as pictures, and those of the chosen token in the chosen head. */
export function showAttention(place, read, head) {
  const { tokens, attentions, chosen } = read;
  const rows = attentions.flatMap((weights, i) => (weights ? [i] : []));
  place["attention-said"].textContent = translate("attention_said", { n: rows.length });
  const canvases = place.heads.querySelectorAll("canvas");
  canvases.forEach((canvas, k) => paintWeights(canvas, rows, (i) => attentions[i][k]));
  const weights = attentions[chosen]?.[head];
  const most = weights ? Math.max(...weights) : 1;
  const values = tokens.map((_, i) => weights?.[i] ?? 0);
  const shares = values.map((value) => value / most);
  paintStrip(place.attention, read, "--first", shares, values);
  if (!weights) return place["attention-at"].replaceChildren();
  const k = weights.indexOf(most);
  place["attention-at"].textContent = translate("attention_at", {
    token: tokenText(tokens[chosen]),
    i: chosen + 1,
    other: tokenText(tokens[k]),
    k: k + 1,
    percent: formatPercent(most),
  });
}

/** Paint rows of weights, a pixel each. */
function paintWeights(canvas, rows, weightsOf) {
  const n = Math.max(rows.length, 1);
  const first = rows[0] ?? 0;
  const colors = colorsTo("--first");
  const pixels = new Uint8ClampedArray(4 * n * n);
  for (let i = 0; i < n; i++) {
    const weights = rows.length ? weightsOf(rows[i]) : [];
    for (let k = 0; k < n; k++) {
      const color = colors(weights[first + k] ?? 0);
      pixels.set([...color, first + k < weights.length ? 255 : 0], 4 * (i * n + k));
    }
  }
  [canvas.width, canvas.height] = [n, n];
  canvas.getContext("2d").putImageData(new ImageData(pixels, n, n), 0, 0);
}

/** Show the most likely next tokens, each of which `append` appends; null if there are none. */
export function showNext(place, p, tokens, append) {
  const order = p ? [...p.keys()].sort((i, k) => p[k] - p[i]) : [];
  const shown = order.slice(0, MOST_BARS);
  const head = p ? tokenText(tokens[shown[0] + 1]) : translate("unread");
  const percent = p ? translate("probability", { percent: formatPercent(p[shown[0]]) }) : "";
  place.headline.replaceChildren(element("b", {}, head), " ", element("span", {}, percent));
  const items = shown.map((i) => {
    const button = element("button", { type: "button" }, tokenText(tokens[i + 1]));
    button.addEventListener("click", () => append(tokens[i + 1]));
    const bar = element("span");
    bar.style.width = `${100 * p[i]}%`;
    const value = element("data", { value: p[i] }, formatPercent(p[i]));
    return element("li", {}, button, value, element("span", { class: "bar" }, bar));
  });
  if (order.length > shown.length) {
    const left = order.slice(MOST_BARS).reduce((sum, i) => sum + p[i], 0);
    const words = { n: order.length - shown.length, percent: formatPercent(left) };
    items.push(element("li", { class: "rest" }, translate("more_tokens", words)));
  }
  place.bars.replaceChildren(...items);
}

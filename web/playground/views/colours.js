// Colours and shapes of classes, and colour maps of numbers; safe for colour-blind readers.

/** Okabe and Ito's colours; the second is that of a binary net's positive class. */
export const CLASS_COLOURS = [
  [213, 94, 0],
  [0, 114, 178],
  [0, 158, 115],
  [204, 121, 167],
  [230, 159, 0],
  [86, 180, 233],
  [240, 228, 66],
  [120, 120, 120],
  [102, 17, 0],
  [153, 153, 153],
];
/** Colours of negative and positive numbers. */
export const BELOW = CLASS_COLOURS[0];
export const ABOVE = CLASS_COLOURS[1];
/** Opacity of a colour behind points. */
const STRENGTH = 0.62;

export const colourOf = (k) => CLASS_COLOURS[k % CLASS_COLOURS.length];

export const css = ([r, g, b]) => `rgb(${r}, ${g}, ${b})`;

/** Interpolate between two colours: `first` at 0, `second` at 1. */
export const between = (first, second, share) =>
  first.map((value, i) => Math.floor(value + (second[i] - value) * share + 0.5));

/** Colours of the page as numbers, in the current colour scheme. */
export function paletteOf(element) {
  const style = getComputedStyle(element);
  const read = (name, otherwise) => numbersOf(style.getPropertyValue(name).trim()) ?? otherwise;
  const paper = read("--card", [255, 255, 255]);
  return { paper, ink: read("--ink", [34, 37, 42]), soft: read("--soft", [93, 99, 109]) };
}

function numbersOf(text) {
  const digits = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(text)?.[1];
  if (!digits) return null;
  const wide = digits.length === 3 ? digits.replace(/./g, "$&$&") : digits;
  return [0, 2, 4].map((i) => Number.parseInt(wide.slice(i, i + 2), 16));
}

/** Background colour of a class. */
export const softColour = (k, paper) => between(paper, colourOf(k), STRENGTH);

/** Diverging colour map of a number from -1 to 1; 0 is the paper's colour. */
export const diverging = (t, paper) =>
  between(paper, t < 0 ? BELOW : ABOVE, STRENGTH * Math.min(1, Math.abs(t)));

const SHAPES = [
  "M0-1A1 1 0 1 0 0 1A1 1 0 1 0 0-1Z",
  "M-.86-.86H.86V.86H-.86Z",
  "M0-1.15L1.05.8H-1.05Z",
  "M0-1.2L1.2 0 0 1.2-1.2 0Z",
  "M0 1.15L1.05-.8H-1.05Z",
  "M-.4-1.1H.4V-.4H1.1V.4H.4V1.1H-.4V.4H-1.1V-.4H-.4Z",
  "M-1.15 0L.8-1.05V1.05Z",
  "M1.15 0L-.8-1.05V1.05Z",
];

/** SVG path of class k's marker, of radius 1. */
export const shapeOf = (k) => SHAPES[(k + Math.floor(k / CLASS_COLOURS.length)) % SHAPES.length];

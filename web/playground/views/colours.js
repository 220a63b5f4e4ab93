// The colours and shapes of classes and numbers: eyes that see few colours keep them apart, too.

/** Okabe and Ito's colours; the second class is that of which a single output speaks: positive. */
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
/** The colours of what is negative, and of what is positive. */
export const BELOW = CLASS_COLOURS[0];
export const ABOVE = CLASS_COLOURS[1];
/** How strong a colour is where points lie upon it. */
const STRENGTH = 0.62;

export const colourOf = (k) => CLASS_COLOURS[k % CLASS_COLOURS.length];

export const css = ([r, g, b]) => `rgb(${r}, ${g}, ${b})`;

/** A colour between two: `first` at 0, `second` at 1. */
export const between = (first, second, share) =>
  first.map((value, i) => Math.floor(value + (second[i] - value) * share + 0.5));

/** The page's own colours as numbers, in the scheme that is shown. */
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

/** The colour of a class behind its points. */
export const softColour = (k, paper) => between(paper, colourOf(k), STRENGTH);

/** The colour of a number from -1 to 1: one hue below, another above, the paper between. */
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

/** The outline of class k, of radius 1, as the path of an SVG. */
export const shapeOf = (k) => SHAPES[(k + Math.floor(k / CLASS_COLOURS.length)) % SHAPES.length];

// The colours of signs and classes: blue and orange first, told apart by every eye.

/** Red, green, blue of what is positive, of what is negative, and of nothing, by scheme. */
const LIGHT = { positive: [0, 114, 178], negative: [213, 94, 0], nothing: [245, 244, 240] };
const DARK = { positive: [86, 169, 224], negative: [240, 138, 60], nothing: [38, 42, 48] };

/** Okabe and Ito's colours of classes: the first two are those of the signs. */
export const CLASSES = [
  [213, 94, 0],
  [0, 114, 178],
  [0, 158, 115],
  [204, 121, 167],
  [230, 159, 0],
  [86, 180, 233],
];

const dark = () => matchMedia("(prefers-color-scheme: dark)").matches;

/** The colours of the scheme that is on. */
export const scheme = () => (dark() ? DARK : LIGHT);

/** The colour of a number from −1 to 1, into four places of an image. */
export function diverging(value, image, at, { positive, negative, nothing } = scheme()) {
  const whole = value >= 0 ? positive : negative;
  const share = Math.min(1, Math.abs(value));
  for (let c = 0; c < 3; c++) image[at + c] = nothing[c] + share * (whole[c] - nothing[c]);
  image[at + 3] = 255;
}

/** A colour as CSS writes it. */
export const css = ([r, g, b], opacity = 1) => `rgb(${r} ${g} ${b} / ${opacity})`;

// Saliency map of a picture's predicted class, and the first feature maps of the net.

import { element } from "../shared/words.js";

/** Colors of negative and positive values, as red, green and blue. */
const COLORS = [
  [42, 134, 202],
  [224, 118, 0],
];

/**
 * Show the inspection of a picture in `place`: `saliency`, a canvas, and `maps`, with one for each
 * map.
 *
 * `shape` (channels, height, width) is that of the picture, `maps` (n, height, width) that of the
 * feature maps, null without a convolution; `outputs` are both, one after the other.
 */
export function showInspection(place, { shape, maps }, outputs) {
  const [channels, height, width] = shape;
  const n = height * width;
  const largest = Array.from({ length: n }, (_, i) =>
    Math.max(...Array.from({ length: channels }, (__, k) => Math.abs(outputs[k * n + i]))),
  );
  paint(place.saliency, largest, height, width, Math.max(...largest));
  if (!maps) return;
  const [count, down, across] = maps;
  const values = outputs.slice(channels * n);
  const most = values.reduce((top, value) => Math.max(top, Math.abs(value)), 0);
  while (place.maps.children.length < count) place.maps.append(element("canvas"));
  [...place.maps.children].forEach((canvas, k) => {
    paint(canvas, values.slice(k * down * across, (k + 1) * down * across), down, across, most);
  });
}

/** Paint values on a canvas: the larger, the less transparent. */
function paint(canvas, values, height, width, most) {
  const image = new ImageData(width, height);
  values.forEach((value, i) => {
    const alpha = Math.round((255 * Math.abs(value)) / (most || 1));
    image.data.set([...COLORS[Number(value > 0)], alpha], 4 * i);
  });
  [canvas.width, canvas.height] = [width, height];
  canvas.getContext("2d").putImageData(image, 0, 0);
}

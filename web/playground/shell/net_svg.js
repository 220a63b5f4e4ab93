// Export of the network diagram as SVG: links, neurons, and output maps as embedded images.

import { ABOVE, BELOW, css } from "../views/colours.js";
import { lookOf, thicknessOf } from "./net_canvas.js";
import { endsOf, middleOf } from "./net_geometry.js";

const round = (number) => String(Number(number.toFixed(2)));

const escaped = (text) =>
  text.replace(
    /[&<>"]/g,
    (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[sign],
  );

/** Text of the SVG; `nameOf(column, unit)` returns the label of an input or output. */
export function svgOf({ columns, geometry, links, parameters, maps }, nameOf) {
  const { width, height } = geometry;
  const thick = thicknessOf(geometry, links.length);
  const paths = links.map((link) => linkPath(link, parameters[link[3]], geometry, thick));
  const nodes = columns.flatMap(({ units }, column) =>
    Array.from({ length: units }, (_, unit) => node(geometry, column, unit, maps.at(column, unit))),
  );
  const ends = [0, columns.length - 1].flatMap((column) =>
    Array.from({ length: columns[column].units }, (_, unit) =>
      label(geometry, column, unit, nameOf(column, unit)),
    ),
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${round(width)} ${round(height)}"`,
    ` font-family="system-ui, sans-serif" font-size="12">`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    ...paths,
    ...nodes,
    ...ends,
    "</svg>\n",
  ].join("\n");
}

function linkPath(link, weight, geometry, thick) {
  const [x0, y0, x1, y1] = endsOf(geometry, link).map(round);
  const half = round((Number(x0) + Number(x1)) / 2);
  const { width, opacity } = lookOf(weight, thick);
  const dash = weight < 0 ? ` stroke-dasharray="${round(3 + 2 * width)} ${round(2 + width)}"` : "";
  const colour = css(weight < 0 ? BELOW : ABOVE);
  return (
    `<path d="M${x0} ${y0}C${half} ${y0} ${half} ${y1} ${x1} ${y1}" fill="none" stroke="${colour}"` +
    ` stroke-width="${round(width)}" opacity="${round(opacity)}"${dash}/>`
  );
}

function node(geometry, column, unit, map) {
  const [x, y] = middleOf(geometry, column, unit);
  const { size } = geometry.columns[column];
  const box = `x="${round(x - size / 2)}" y="${round(y - size / 2)}" width="${round(size)}" height="${round(size)}"`;
  const picture = map ? `<image ${box} href="${map.toDataURL()}" preserveAspectRatio="none"/>` : "";
  return `${picture}<rect ${box} fill="${map ? "none" : "#fff"}" stroke="#5d636d"/>`;
}

function label(geometry, column, unit, name) {
  const [x, y] = middleOf(geometry, column, unit);
  const far = geometry.columns[column].size / 2 + 8;
  const [at, anchor] = column ? [x + far, "start"] : [x - far, "end"];
  return `<text x="${round(at)}" y="${round(y + 4)}" text-anchor="${anchor}">${escaped(name)}</text>`;
}

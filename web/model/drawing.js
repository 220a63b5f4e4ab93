// Drawing of a picture with mouse, pen, finger or keyboard: strokes, as lists of points [x, y] in the
// pixels of the model's picture.

import { bindText, translate } from "../shared/words.js";

/** A drawing where no pictures show how they are drawn: its pen, as a fraction of the picture. */
const PLAIN = { paper: 0, pen: 1 / 12 };
/** Pixels of a canvas for the larger side of a picture. */
const LARGEST = 448;

/**
 * Scale and move strokes so that what they draw is as large, and lies, as in the example pictures.
 *
 * `fill` is the longer side of what is drawn and `x` and `y` are its center of mass, as fractions of
 * the picture, which has `height` by `width` pixels; `pen` is the width of a stroke in pixels.
 */
export function arranged(strokes, { pen, fill, x, y }, [height, width]) {
  const points = strokes.flat();
  const ends = [0, 1].map((axis) => {
    const places = points.map((point) => point[axis]);
    return [Math.min(...places), Math.max(...places)];
  });
  const ratios = ends.map(
    ([low, high], axis) => ([width, height][axis] * fill - pen) / (high - low),
  );
  const scale = Math.min(...ratios.filter((ratio) => ratio > 0 && Number.isFinite(ratio)), LARGEST);
  const factor = scale === LARGEST ? 1 : scale; // of a single point
  const middle = centerOf(strokes);
  const moves = ends.map(([low, high], axis) => {
    const size = [width, height][axis];
    const wanted = [x, y][axis] * size - factor * middle[axis];
    return Math.min(Math.max(wanted, pen / 2 - factor * low), size - pen / 2 - factor * high);
  });
  return strokes.map((stroke) =>
    stroke.map((point) => point.map((place, axis) => factor * place + moves[axis])),
  );
}

/** Center of mass [x, y] of strokes of one width. */
function centerOf(strokes) {
  const sums = [0, 0, 0];
  for (const stroke of strokes) {
    stroke.forEach(([x, y], i) => {
      const [x0, y0] = stroke[Math.max(i - 1, 0)];
      const length = Math.hypot(x - x0, y - y0) + 1e-6; // a point has some weight, too
      sums[0] += (length * (x + x0)) / 2;
      sums[1] += (length * (y + y0)) / 2;
      sums[2] += length;
    });
  }
  return [sums[0] / sums[2], sums[1] / sums[2]];
}

/** Paint strokes and pictures on a canvas, by the `paper` and the `pen` of a drawing. */
function painterOn(canvas, [height, width], { paper, pen }) {
  const zoom = LARGEST / Math.max(height, width);
  [canvas.width, canvas.height] = [Math.round(zoom * width), Math.round(zoom * height)];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const [behind, color] = paper ? ["#fff", "#000"] : ["#000", "#fff"];
  const fill = (style, ...box) => {
    context.fillStyle = style;
    context.fillRect(...box);
  };
  return {
    strokes(drawn) {
      fill(behind, 0, 0, canvas.width, canvas.height);
      Object.assign(context, { lineWidth: zoom * pen, lineCap: "round", lineJoin: "round" });
      context.strokeStyle = color;
      for (const stroke of drawn) {
        context.beginPath();
        for (const [x, y] of [stroke[0], ...stroke]) context.lineTo(zoom * x, zoom * y);
        context.stroke();
      }
    },
    cursor: ([x, y], isDown) =>
      fill(isDown ? "#d55e00" : "#0072b2", zoom * x - 6, zoom * y - 6, 12, 12),
    picture(source) {
      fill("#000", 0, 0, canvas.width, canvas.height);
      const scale = Math.min(canvas.width / source.width, canvas.height / source.height);
      const [across, down] = [scale * source.width, scale * source.height];
      context.imageSmoothingEnabled = source.width > width || source.height > height;
      const [left, top] = [(canvas.width - across) / 2, (canvas.height - down) / 2];
      context.drawImage(source, left, top, across, down);
    },
    image: () => context.getImageData(0, 0, canvas.width, canvas.height),
  };
}

/**
 * Add drawing to a canvas, for pictures of `shape` (channels, height, width) that are drawn as
 * `drawing` says, null if that is unknown; `changed()` is called with each stroke.
 *
 * `image()` returns what is drawn as ImageData, arranged. `show(source)` shows another picture
 * instead, which the next stroke replaces, or an empty canvas for null.
 */
export function drawingOn(canvas, { shape, drawing }, changed) {
  const sides = shape.slice(1);
  const { paper, pen } = drawing ?? PLAIN;
  const settings = { ...drawing, paper, pen: pen * Math.min(...sides) };
  const painter = painterOn(canvas, sides, settings);
  let strokes = [];
  const to = (point, isNew) => {
    if (isNew) strokes.push([point]);
    else strokes.at(-1).push(point);
    painter.strokes(strokes);
    changed();
  };
  const pointers = byPointer(canvas, sides, to);
  const keys = byKeyboard(canvas, sides, to, (cursor, isDown) => {
    if (strokes.length || !cursor) painter.strokes(strokes);
    if (cursor) painter.cursor(cursor, isDown);
  });
  bindText(canvas, () => translate("drawing_label"), "aria-label");
  return {
    image() {
      painter.strokes(drawing ? arranged(strokes, settings, sides) : strokes);
      const image = painter.image();
      painter.strokes(strokes);
      return image;
    },
    show(source) {
      strokes = [];
      pointers.lift();
      keys.lift();
      if (source) painter.picture(source);
      else painter.strokes([]);
    },
  };
}

/** Draw with mouse, pen or finger: `to(point, isNew)` for each point. */
function byPointer(canvas, [height, width], to) {
  let isDown = false;
  const pointOf = ({ clientX, clientY }) => {
    const box = canvas.getBoundingClientRect();
    const [x, y] = [(clientX - box.left) / box.width, (clientY - box.top) / box.height];
    return [width * x, height * y];
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    canvas.setPointerCapture(event.pointerId);
    isDown = true;
    to(pointOf(event), true);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (isDown) to(pointOf(event), false);
  });
  const lift = () => (isDown = false);
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, lift);
  return { lift };
}

const STEPS = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** Draw with the arrow keys and the space bar; `mark(cursor, isDown)` shows where the pen is. */
function byKeyboard(canvas, [height, width], to, mark) {
  const step = Math.max(height, width) / 28;
  const within = (place, size) => Math.min(Math.max(place, 0), size);
  let cursor = [width / 2, height / 2];
  let isDown = false;
  canvas.addEventListener("keydown", (event) => {
    const move = STEPS[event.key];
    if (!move && event.key !== " ") return;
    event.preventDefault();
    if (move) {
      const [x, y] = [cursor[0] + step * move[0], cursor[1] + step * move[1]];
      cursor = [within(x, width), within(y, height)];
    } else isDown = !isDown;
    if (isDown) to(cursor, !move);
    mark(cursor, isDown);
  });
  const lift = () => (isDown = false);
  canvas.addEventListener("blur", () => {
    if (isDown) mark(null);
    lift();
  });
  return { lift };
}

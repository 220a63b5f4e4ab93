// Input of a model of pictures: drawn, from a file, or from the camera; nothing leaves the page.

import { drawingOn } from "./drawing.js";
import { show } from "../shared/messages.js";
import { rowOf } from "./pixels.js";
import { element, translate, visible } from "../shared/words.js";

/**
 * Create the input of pictures in `place`; `changed` is called with each new picture.
 *
 * `read()` returns the `values` of the picture's row, null without a picture; `fill(row)` shows a
 * row, or nothing.
 */
export function pictureIn(place, data, changed) {
  const { shape } = data;
  let row = null;
  let image = null;
  const say = messageIn(place);
  const see = (found) => {
    [row, image] = [found, null];
    say("");
    changed();
  };
  const drawing = drawingOn(place.drawing, data, () => see(rowOf(drawing.image(), shape)));
  const take = (source, width, height) => {
    const canvas = element("canvas", { width, height });
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff"; // behind what is transparent
    context.fillRect(0, 0, width, height);
    context.drawImage(source, 0, 0, width, height);
    drawing.show(canvas);
    const taken = context.getImageData(0, 0, width, height);
    see(rowOf(taken, shape, place.invert.checked));
    image = taken;
  };
  place.invert.addEventListener("change", () => {
    if (!image) return;
    row = rowOf(image, shape, place.invert.checked);
    changed();
  });
  offerFiles(place, take, say);
  offerCamera(place, take, say);
  return {
    read() {
      say();
      place.seen.hidden = !row;
      if (row) paint(place.seen, row, shape);
      return { values: row, unread: [] };
    },
    fill(values) {
      [row, image] = [values ?? null, null];
      say("");
      if (row) paint(place.seen, row, shape);
      drawing.show(row ? place.seen : null);
    },
  };
}

/** Show the last message below the file again, in the language of the page, or another one. */
function messageIn(place) {
  let last = "";
  return (message = last) => {
    last = message;
    show(place.file, place["picture-read"], message && message.map((key) => translate(...key)));
  };
}

/** Offer a file, chosen or dropped. */
function offerFiles(place, take, say) {
  const open = async (file) => {
    try {
      // as in training: upright, and without a conversion of colors
      const given = { imageOrientation: "from-image", colorSpaceConversion: "none" };
      const bitmap = await createImageBitmap(file, given);
      take(bitmap, bitmap.width, bitmap.height);
      bitmap.close();
    } catch {
      const came = ["came_picture", { name: visible(file.name) }];
      say([came, ["expected_picture"], ["try_picture"]]);
    }
  };
  place.file.addEventListener("change", () => place.file.files.length && open(place.file.files[0]));
  place.row.addEventListener("dragover", (event) => event.preventDefault());
  place.row.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length) open(event.dataTransfer.files[0]);
  });
}

/** Paint a row, with values from 0 to 1, on a canvas of as many pixels. */
function paint(canvas, row, [channels, height, width]) {
  const n = height * width;
  const pixels = new Uint8ClampedArray(4 * n);
  for (let i = 0; i < 4 * n; i += 1) {
    const channel = channels === 1 ? 0 : i % 4;
    pixels[i] = i % 4 === 3 ? 255 : Math.round(255 * row[channel * n + (i >> 2)]);
  }
  [canvas.width, canvas.height] = [width, height];
  canvas.getContext("2d").putImageData(new ImageData(pixels, width, height), 0, 0);
}

/** Offer the camera, which is asked for by its button only. */
function offerCamera(place, take, say) {
  let stream = null;
  const live = (isOn) => {
    for (const part of [place.video, place.shot, place.off]) part.hidden = !isOn;
    place.camera.hidden = isOn;
    place.drawing.hidden = isOn;
  };
  const stop = () => {
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    live(false);
    place.camera.focus();
  };
  const refuse = (why) => say([[`camera_${why}`], [`camera_expected_${why}`], ["camera_try"]]);
  place.camera.addEventListener("click", async () => {
    if (!navigator.mediaDevices) return refuse("unsafe");
    say("");
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      place.video.srcObject = stream;
      live(true);
      await place.video.play();
      place.shot.focus();
    } catch (error) {
      stop();
      refuse({ NotAllowedError: "refused", NotFoundError: "none" }[error.name] ?? "broken");
    }
  });
  place.shot.addEventListener("click", () => {
    take(place.video, place.video.videoWidth, place.video.videoHeight);
    stop();
  });
  place.off.addEventListener("click", stop);
}

// Texts of the page's samples: those that come with it, generated again.

import { InspectedReader } from "./reader.js";
import { generate } from "./text.js";

/** The texts of samples, by all blocks. */
export const main = (data) =>
  data.samples.map(({ start, text, ...options }) => {
    const begin = () => new InspectedReader(data);
    const length = Array.from(text).length;
    return [...generate(start, { ...options, length, begin })].join("");
  });

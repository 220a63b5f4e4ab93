// What is shown of the net besides: gradients on the links, the weights as tables.

import { element } from "../../../html/words.js";
import { toggle } from "./elements.js";

/** Options of the picture of the net; those of the plane are beside the plane. */
export function viewControls(desk) {
  const gradients = toggle("gradients", (value) => desk.change({ view: { gradients: value } }));
  desk.bind(gradients, ({ view }) => view.gradients ?? false);
  return element("div", { class: "view-options" }, gradients.element);
}

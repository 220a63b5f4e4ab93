// What is shown of the net besides: gradients on the links, the weights as tables.

import { element } from "../../shared/words.js";
import { button, toggle } from "./elements.js";

/** Options of the picture of the net; those of the plane are beside the plane. */
export function viewControls(store) {
  const gradients = toggle("gradients", (value) => store.change({ view: { gradients: value } }));
  store.bind(gradients, ({ view }) => view.gradients ?? false);
  const reset = button("reset_view", () => {
    store.point(null, true);
    store.change({ view: Object.fromEntries(Object.keys(store.state.view).map(usual)) });
  });
  return element("div", { class: "view-options" }, gradients.element, reset);
}

/** An option as it is at first; the axes go back to the first two columns. */
const usual = (name) => [name, name === "columns" ? [0, 1] : name === "speed" ? 0 : false];

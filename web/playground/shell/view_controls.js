// Display options of the diagram: gradients on the links, weights as tables.

import { element } from "../../shared/words.js";
import { button, toggle } from "./elements.js";
import { PLACE } from "./url_fragment.js";

/** Create the options of the diagram; those of the output map are beside it. */
export function viewControls(store) {
  const gradients = toggle("gradients", (value) => store.change({ view: { gradients: value } }));
  store.bind(gradients, ({ view }) => view.gradients ?? false);
  const reset = button("reset_view", () => {
    store.point(null, true);
    const options = Object.keys(store.state.view).filter((name) => !PLACE.includes(name));
    store.change({ view: Object.fromEntries(options.map(usual)) });
  });
  return element("div", { class: "view-options" }, gradients.element, reset);
}

/** Default of an option; the axes are the first two columns. */
const usual = (name) => [name, name === "columns" ? [0, 1] : name === "speed" ? 0 : false];

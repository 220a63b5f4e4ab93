// Lesson mode: hidden controls, and a tutorial text.

import { element, hasTranslation, translate, onLanguageChange } from "../../shared/words.js";

/** Names for groups of controls, or for a control of a view. */
const GROUPS = {
  step: ["step_epoch", "step_batch", "step_layer"],
  test: ["plane_tests"],
  discretize: ["plane_discretize"],
  text: ["about", "inputs_hint", "net_legend"],
  penalty_rate: ["alpha"],
};

/** Controls that a custom net hides, since no state can describe a changed one. */
const OF_OWN_NETS = (
  "layers layer_heads layer_panel activation loss optimizer penalty alpha l1_ratio more_learning " +
  "inputs add_input inputs_hint problem data own_table"
).split(" ");

/** Hide the controls in `state.hide`, now and whenever the state or its controls change. */
export function hiding(store, whole) {
  let hidden = [];
  const hide = () => {
    for (const part of hidden) part.classList.remove("away");
    const asked = [...(store.state.hide ?? []), ...(store.given.net ? OF_OWN_NETS : [])];
    const names = asked.flatMap((name) => [name, ...(GROUPS[name] ?? [])]);
    const parts = names.flatMap((name) => [
      ...whole.querySelectorAll(`[data-control="${CSS.escape(name)}"]`),
    ]);
    hidden = parts.map((part) => part.closest(".field, .check") ?? part);
    for (const part of hidden) part.classList.add("away");
  };
  store.watch("state", hide);
  hide();
}

/** Show the tutorial text that the state names, if there is one. */
export function lessonIn(store, place) {
  const write = () => {
    const { tutorial } = store.state;
    const key = `tutorial_${tutorial}`;
    const text = hasTranslation(key) ? translate(key) : "";
    place.hidden = !text;
    place.replaceChildren(
      ...text
        .split("\n")
        .filter(Boolean)
        .map((line) => element("p", {}, line)),
    );
  };
  store.watch("state", write);
  onLanguageChange(write);
}

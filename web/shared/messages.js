// Messages below a field: what was read, or what is wrong with it.

import { element, translate } from "./words.js";

/** Show the parsed value of a field, or the error in three parts. */
export function show(control, readout, said) {
  const isWrong = Array.isArray(said);
  if (isWrong) {
    const [came, expected, hint] = said;
    readout.replaceChildren(
      element("strong", {}, came),
      element("span", {}, translate("expected", { what: expected })),
      element("span", {}, translate("try", { what: hint })),
    );
  } else {
    readout.replaceChildren(said);
  }
  readout.classList.toggle("wrong", isWrong);
  control.setAttribute("aria-invalid", String(isWrong));
}

// Share controls: language, link to the state, export of files, opening of saved states.

import {
  element,
  language,
  languages,
  translate,
  bindText,
  setLanguage,
} from "../../shared/words.js";
import { fragmentOf } from "../training/links.js";
import { LONGEST, stateNow } from "./url_fragment.js";
import { outputLabel } from "./labels.js";
import { button, menu, translated } from "./elements.js";
import { inputText } from "./formulas.js";
import { netModule } from "./net_javascript.js";
import { svgOf } from "./net_svg.js";
import { pngOf, save, weightsText } from "./downloads.js";

/** Files that only Python writes, by a request to the server. */
const OF_PYTHON = ["safetensors", "onnx", "py", "c", "js", "wasm", "html"];

/** Create the controls of language, sharing and files in `place`. */
export function shareControls(store, place, { keys, diagram, plane }) {
  const share = button("share_link", () => copyLink(store));
  const files = element("div", { class: "files" });
  files.append(
    ...filesOf(store, diagram, plane),
    translated("h3", "files_of_python"),
    ...ofPython(store),
  );
  files.append(openState(store));
  place.append(share, menu("files", files, "right-menu"), keys, languageChoice(store));
}

function languageChoice(store) {
  const group = element("div", { class: "languages", role: "group" });
  bindText(group, () => translate("languages"), "aria-label");
  for (const [name, itself] of languages()) {
    const made = element("button", { type: "button", lang: name, class: "quiet" }, itself);
    made.addEventListener("click", () => {
      setLanguage(name);
      store.change({ language: name });
    });
    bindText(made, () => String(language() === name), "aria-pressed");
    group.append(made);
  }
  return group;
}

async function copyLink(store) {
  const fragment = fragmentOf(stateNow(store));
  if (fragment.length > LONGEST) {
    store.notice("link_too_long", { letters: fragment.length }, true);
    return;
  }
  const link = `${location.href.split("#")[0]}#${fragment}`;
  try {
    await navigator.clipboard.writeText(link);
    store.notice(copiedOf(store));
  } catch {
    // without clipboard access, the link is shown to be copied by hand
    store.notice("link_to_copy", { link });
  }
}

function copiedOf({ session, frame }) {
  if (session.state.exact) return "link_copied";
  return frame?.isNative ? "link_copied_native" : "link_copied_of_own";
}

function filesOf(store, diagram, plane) {
  const { session } = store;
  const net = () => diagram.net();
  const nameOf = (column, unit) =>
    column
      ? outputLabel(store, net().columns.at(-1).units, unit)
      : inputText(store.state.inputs[unit], store.state);
  const json = "application/json";
  const made = {
    file_state: () => save("state.json", `${JSON.stringify(stateNow(store), null, 1)}\n`, json),
    file_weights: () =>
      save("weights.json", weightsText(session.names, store.frame.parameters), json),
    file_net_js: () => saveNet(store),
    file_net_svg: () => save("net.svg", svgOf(net(), nameOf), "image/svg+xml"),
    file_net_png: async () => save("net.png", await pngOf(diagram.canvas)),
    file_plane_png: async () => save("plane.png", await pngOf(plane())),
  };
  return Object.entries(made).map(([key, act]) => button(key, act));
}

/** Save the net as a module, or report a layer that only Python can export. */
async function saveNet(store) {
  const inputs = store.state.inputs.map((name) => inputText(name, store.state)).join(", ");
  try {
    const model = await store.session.request("model");
    const text = netModule(store.given.pages, model, store.given.worker, `inputs: ${inputs}`);
    save("net.mjs", text, "text/javascript");
  } catch {
    store.notice("no_net_file", {}, true);
  }
}

/**
 * Create the list of files that Python exports; without a server it explains how to export them.
 */
function ofPython(store) {
  const { server } = store.given;
  if (!server) return [translated("p", "no_python", { class: "hint" })];
  return OF_PYTHON.map((ending) => {
    const name = `net.${ending}`;
    const made = element("button", { type: "button" }, name);
    made.addEventListener("click", async () => {
      made.disabled = true;
      try {
        save(name, await server.file(name, await store.session.request("model")));
      } catch (error) {
        store.refused(error);
      }
      made.disabled = false;
    });
    return made;
  });
}

/** Create the button that opens a saved state. */
function openState(store) {
  const input = element("input", { type: "file", accept: ".json,application/json" });
  bindText(input, () => translate("open_state"), "aria-label");
  input.addEventListener("change", async () => {
    const [file] = input.files;
    if (!file) return;
    try {
      store.replaceState(JSON.parse(await file.text()));
    } catch {
      store.notice("no_state", { name: file.name }, true);
    }
    input.value = "";
  });
  return element("label", { class: "open-state" }, translated("span", "open_state"), input);
}

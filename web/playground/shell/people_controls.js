// Language, a link to what is seen, files of it, and states that come back as files.

import { element, language, languages, say, speak, speakIn } from "../../shared/words.js";
import { fragmentOf } from "../training/links.js";
import { LONGEST, stateNow } from "./address.js";
import { outputSaid } from "./labels.js";
import { button, menu, said } from "./elements.js";
import { inputText } from "./formulas.js";
import { netFile } from "./net_file.js";
import { svgOf } from "./net_svg.js";
import { pngOf, save, weightsText } from "./saving.js";

/** Files that Python writes: where a server is near, it is asked for them. */
const OF_PYTHON = ["safetensors", "onnx", "py", "c", "js", "wasm", "html"];

/** All that concerns who looks at the page, into `place`. */
export function peopleControls(desk, place, { keys, diagram, plane }) {
  const share = button("share_link", () => copyLink(desk));
  const files = element("div", { class: "files" });
  files.append(...filesOf(desk, diagram, plane), said("h3", "files_of_python"), ...ofPython(desk));
  files.append(openState(desk));
  place.append(share, menu("files", files, "right-menu"), keys, languageChoice(desk));
}

function languageChoice(desk) {
  const group = element("div", { class: "languages", role: "group" });
  speak(group, () => say("languages"), "aria-label");
  for (const [name, itself] of languages()) {
    const made = element("button", { type: "button", lang: name, class: "quiet" }, itself);
    made.addEventListener("click", () => {
      speakIn(name);
      desk.change({ language: name });
    });
    speak(made, () => String(language() === name), "aria-pressed");
    group.append(made);
  }
  return group;
}

async function copyLink(desk) {
  const fragment = fragmentOf(stateNow(desk));
  if (fragment.length > LONGEST) {
    desk.notice("link_too_long", { letters: fragment.length }, true);
    return;
  }
  const link = `${location.href.split("#")[0]}#${fragment}`;
  try {
    await navigator.clipboard.writeText(link);
    desk.notice(copiedOf(desk));
  } catch {
    // where the clipboard is refused, the link is in sight to be copied by hand
    desk.notice("link_to_copy", { link });
  }
}

function copiedOf({ session, frame }) {
  if (session.state.exact) return "link_copied";
  return frame?.isNative ? "link_copied_native" : "link_copied_of_own";
}

function filesOf(desk, diagram, plane) {
  const { session } = desk;
  const net = () => diagram.net();
  const nameOf = (column, unit) =>
    column
      ? outputSaid(desk, net().columns.at(-1).units, unit)
      : inputText(desk.state.inputs[unit], desk.state);
  const json = "application/json";
  const made = {
    file_state: () => save("state.json", `${JSON.stringify(stateNow(desk), null, 1)}\n`, json),
    file_weights: () =>
      save("weights.json", weightsText(session.names, desk.frame.parameters), json),
    file_net_js: () => saveNet(desk),
    file_net_svg: () => save("net.svg", svgOf(net(), nameOf), "image/svg+xml"),
    file_net_png: async () => save("net.png", await pngOf(diagram.canvas)),
    file_plane_png: async () => save("plane.png", await pngOf(plane())),
  };
  return Object.entries(made).map(([key, act]) => button(key, act));
}

/** The net as a module; a layer that only Python can print is said. */
async function saveNet(desk) {
  const inputs = desk.state.inputs.map((name) => inputText(name, desk.state)).join(", ");
  try {
    const model = await desk.session.request("model");
    const text = netFile(desk.given.pages, model, desk.given.worker, `inputs: ${inputs}`);
    save("net.mjs", text, "text/javascript");
  } catch {
    desk.notice("no_net_file", {}, true);
  }
}

/** Files by Python: by the server, or why not and what to do instead. */
function ofPython(desk) {
  const { server } = desk.given;
  if (!server) return [said("p", "no_python", { class: "hint" })];
  return OF_PYTHON.map((ending) => {
    const name = `net.${ending}`;
    const made = element("button", { type: "button" }, name);
    made.addEventListener("click", async () => {
      made.disabled = true;
      try {
        save(name, await server.file(name, await desk.session.request("model")));
      } catch (error) {
        desk.refused(error);
      }
      made.disabled = false;
    });
    return made;
  });
}

/** A state that was saved, opened again. */
function openState(desk) {
  const input = element("input", { type: "file", accept: ".json,application/json" });
  speak(input, () => say("open_state"), "aria-label");
  input.addEventListener("change", async () => {
    const [file] = input.files;
    if (!file) return;
    try {
      desk.become(JSON.parse(await file.text()));
    } catch {
      desk.notice("no_state", { name: file.name }, true);
    }
    input.value = "";
  });
  return element("label", { class: "open-state" }, said("span", "open_state"), input);
}

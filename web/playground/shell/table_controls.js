// Table upload: CSV as a file, pasted or dropped; choice of the target and feature columns.

import {
  element,
  formatNumber,
  translate,
  bindText,
  onLanguageChange,
  visible,
} from "../../shared/words.js";
import { tableIn } from "../training/csv.js";
import { TableRefused, textOf } from "../training/csv_parser.js";
import { button, choice, disclosure, translated } from "./elements.js";
import { MOST_INPUTS, stateOfTable } from "./table_rows.js";

/** Create the controls that read tables; files may be dropped anywhere in `whole`. */
export function tableControls(store, whole) {
  const known = { table: null, target: null, chosen: [], told: [] };
  const problem = element("div", { class: "refusal", role: "alert", hidden: "" });
  const summary = element("div", { class: "read-as" });
  const columns = columnChoice(store, known, problem, summary);
  const show = (table) => {
    const target = table.columns.at(-1).name;
    Object.assign(known, { table, target });
    known.chosen = table.columns.map(({ name }) => name).filter((name) => name !== target);
    columns.fill();
    columns.apply();
  };
  // Python, if it is there, reads other formats, and tables that are too difficult for the page.
  const take = async (given) => {
    problem.hidden = true;
    const { server, reading } = store.given;
    const read = () => byServer(store, given, summary);
    if (server && !isText(given)) return read().catch((error) => refuse(problem, error));
    try {
      show(tableIn(textOf(new Uint8Array(await given.arrayBuffer())), reading));
    } catch (error) {
      const isDifficult = server && error instanceof TableRefused;
      await (isDifficult ? read() : Promise.reject(error)).catch(() => refuse(problem, error));
    }
  };
  const file = element("input", { type: "file", accept: ".csv,.tsv,.txt,text/csv" });
  if (store.given.server) file.setAttribute("accept", ".csv,.tsv,.txt,.parquet");
  bindText(file, () => translate("table_file"), "aria-label");
  file.addEventListener("change", () => {
    if (file.files[0]) take(file.files[0]);
    file.value = "";
  });
  const box = element("textarea", { rows: "3", spellcheck: "false" });
  bindText(box, () => translate("paste_table"), "aria-label");
  bindText(box, () => translate("paste_table"), "placeholder");
  const read = button("read_table", () => take(new File([box.value], "pasted.csv")));
  dropping(whole, take);
  const made = disclosure(
    "own_table",
    translated("p", "own_table_hint", { class: "hint" }),
    file,
    box,
    read,
    problem,
    columns.element,
    summary,
  );
  made.classList.add("own-table");
  return made;
}

const isText = (file) => /\.(csv|tsv|txt)$/i.test(file.name);

/** Read a file on the server, as Python does. */
async function byServer(store, file, summary) {
  const { rows, problem, table } = await store.given.server.table(file);
  store.change({ data: { kind: "rows", problem, rows }, inputs: rows.names.slice(0, MOST_INPUTS) });
  const lines = table.read_as.map(([name, how]) => `${name}: ${how}`);
  summary.replaceChildren(...lines.map((line) => element("p", {}, visible(line))));
}

/** Show an error in three parts: what came, what was expected, what to try. */
function refuse(place, error) {
  const { key, values } = error;
  const parts =
    error instanceof TableRefused
      ? ["came", "expected", "try"].map((part) => translate(`${key}_${part}`, values))
      : [error.came ?? error.message ?? translate("server_gone"), error.expected, error.hint];
  const [came, ...rest] = parts.filter(Boolean).map(visible);
  place.replaceChildren(
    element("strong", {}, came),
    ...rest.map((part) => element("span", {}, part)),
  );
  place.hidden = false;
}

/** Create the choice of the target column and the features. */
function columnChoice(store, known, problem, summary) {
  const boxes = element("fieldset", { class: "column-boxes" });
  const names = () => known.table?.columns.map(({ name }) => [name, visible(name)]) ?? [];
  const target = choice("target", names, (name) => {
    known.chosen = [...known.chosen.filter((one) => one !== name), known.target];
    known.target = name;
    fill();
    apply();
  });
  const whole = element("div", { class: "columns-chosen", hidden: "" }, target.element, boxes);
  function fill() {
    whole.hidden = !known.table;
    target.rewrite();
    target.set(known.target);
    const others = names().filter(([name]) => name !== known.target);
    boxes.replaceChildren(
      translated("legend", "columns"),
      ...others.map(([name, text]) => columnBox(name, text)),
    );
  }
  function columnBox(name, text) {
    const box = element("input", { type: "checkbox" });
    box.checked = known.chosen.includes(name);
    box.addEventListener("change", () => {
      const rest = known.chosen.filter((one) => one !== name);
      known.chosen = box.checked ? [...rest, name] : rest;
      apply();
    });
    return element("label", {}, box, element("span", {}, text));
  }
  function apply() {
    problem.hidden = true;
    try {
      const { data, inputs, told } = stateOfTable(known.table, known.target, known.chosen);
      known.told = told;
      store.change({ data, inputs });
    } catch (error) {
      refuse(problem, error);
    }
    tell();
  }
  const tell = () => {
    const { table, told } = known;
    if (!table) return;
    const { n, of } = table;
    const rows = translate(n < of ? "rows_sampled" : "rows_all", { n, of });
    summary.replaceChildren(
      ...[rows, ...told.map(descriptionOf)].map((line) => element("p", {}, line)),
    );
  };
  onLanguageChange(tell);
  return { element: whole, fill, apply };
}

const descriptionOf = ({ key, name, ...numbers }) => {
  const said = Object.entries(numbers).map(([what, value]) => [
    what,
    formatNumber(Number(value), 3),
  ]);
  return translate(key, { name: visible(name), ...Object.fromEntries(said) });
};

/** Handle files dropped anywhere on the page. */
function dropping(whole, take) {
  const isFile = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  whole.addEventListener("dragover", (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    whole.classList.add("dropping");
  });
  for (const name of ["dragleave", "drop"]) {
    whole.addEventListener(name, () => whole.classList.remove("dropping"));
  }
  whole.addEventListener("drop", (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    whole.querySelector(".own-table").open = true;
    take(event.dataTransfer.files[0]);
  });
}

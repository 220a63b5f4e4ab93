// Input form of a model: a field for each column, its parsed value beside it, its error below it.

import { cellRead, isMissing } from "./table.js";
import { numberText } from "./numbers.js";
import { show } from "../shared/messages.js";
import {
  formatDate,
  element,
  formatNumber,
  translate,
  bindText,
  visible,
} from "../shared/words.js";

/** Most values of a category in a list; more are typed, with suggestions. */
const MOST_CHOICES = 24;
/** Value for a category not seen in training. */
const OTHER = Symbol("other");

/** Most numeric columns with a field each; more share one field. */
const MOST_FIELDS = 60;

/**
 * Create the fields of columns in `place`; `changed` is called on each input.
 *
 * `read()` returns the `values` of the row, and the names of the `unread` fields; `fill(cells)`
 * fills the fields with texts, or empties them.
 */
export function formOf(columns, reading, place, changed) {
  const isWhole = columns.length > MOST_FIELDS && columns.every(({ kind }) => kind === "input");
  const fields = isWhole
    ? [wholeRow(columns, reading)]
    : columns.map((column, i) => fieldOf(column, `field-${i}`, reading));
  for (const { control, frame } of fields) {
    control.addEventListener("input", changed);
    place.append(frame);
  }
  return {
    read() {
      const found = fields.map((field) => field.read());
      const unread = fields.filter((_, i) => found[i] === null).map((field) => field.name());
      return { values: found.flat(), unread };
    },
    fill: (cells) => fields.forEach((field, i) => field.put(cells, i)),
  };
}

/**
 * Create the field of a column: `read()` returns its value in a list, null if it cannot be read.
 */
function fieldOf(column, id, reading) {
  const field = MAKERS[column.kind](column, id, reading);
  const { frame, readout } = framed(
    field,
    id,
    () => visible(column.name),
    () => kindLabel(column),
  );
  return {
    control: field.control,
    frame,
    name: () => visible(column.name),
    put: (cells, i) => field.put(cells ? cells[i] : ""),
    read() {
      const { value, refused } = field.cell(reading);
      const said = refused ? wrong(field.control.value, column) : readLabel(column, value);
      show(field.control, readout, said);
      return refused ? null : [value];
    },
  };
}

/** Create a single field for all numbers of a row. */
function wholeRow(columns, reading) {
  const control = element("textarea", { id: "field-0", rows: 6, spellcheck: "false" });
  const name = () => translate("whole_row", { n: columns.length });
  const { frame, readout } = framed({ control, extra: [] }, "field-0", name, () =>
    translate("whole_row_kind"),
  );
  frame.classList.add("whole");
  return {
    control,
    frame,
    name,
    put: (cells) => (control.value = cells ? cells.join(" ") : ""),
    read() {
      const texts = control.value.split(/[\s,;]+/).filter(Boolean);
      const values = texts.map((text) => cellRead(columns[0], text, reading));
      const odd = values.findIndex(({ refused }) => refused);
      const isWhole = odd < 0 && texts.length === columns.length;
      const came =
        odd < 0
          ? translate("came_count", { n: texts.length })
          : translate("came_at", { text: visible(texts[odd]), i: odd + 1 });
      const said = isWhole
        ? translate("read_count", { n: texts.length })
        : [came, translate("expected_count", { n: columns.length }), translate("try_example")];
      show(control, readout, said);
      return isWhole ? values.map(({ value }) => value) : null;
    },
  };
}

const MAKERS = {
  number: typed,
  input: typed,
  index: typed,
  date: dated,
  text: chosen,
};

/** Create a text field: a number, or a category of many values. */
function typed(column, id) {
  const isText = column.kind === "text";
  const control = element("input", { id, autocomplete: "off", spellcheck: "false" });
  if (!isText && !column.place) control.inputMode = column.kind === "index" ? "numeric" : "decimal";
  const extra = [];
  if (isText) {
    control.setAttribute("list", `${id}-values`);
    const options = column.values.map((value) => element("option", { value }));
    extra.push(element("datalist", { id: `${id}-values` }, ...options));
  }
  return {
    control,
    extra,
    cell: (reading) => cellRead(column, control.value, reading),
    put: (text) => (control.value = text),
  };
}

/** Create a date field: the browser's, except for dates with a format of their own. */
function dated(column, id) {
  const field = typed(column, id);
  if (column.time.written) return field;
  field.control.type = column.timed ? "datetime-local" : "date";
  if (column.timed) field.control.step = "1";
  const { cell } = field;
  field.cell = (reading) => (field.control.validity.badInput ? { refused: true } : cell(reading));
  return field;
}

/** Create a drop-down list: empty, each value, and any other. */
function chosen(column, id, reading) {
  if (column.values.length > MOST_CHOICES) return typed(column, id);
  const missing = bindText(element("option", { value: "" }), () => translate("missing_choice"));
  const other = bindText(element("option", { value: "other" }), () => translate("other_choice"));
  const values = column.values.map((value, i) => element("option", { value: i }, visible(value)));
  const control = element("select", { id }, missing, ...values, other);
  const valueOf = { "": null, other: OTHER };
  return {
    control,
    extra: [],
    cell: () => ({
      value: control.value in valueOf ? valueOf[control.value] : column.values[control.value],
    }),
    put: (text) => {
      const place = column.values.indexOf(text);
      control.value = isMissing(text, reading) ? "" : place < 0 ? "other" : place;
    },
  };
}

/** Create a field with its label, the type of its column, and its readout. */
function framed({ control, extra }, id, name, kind) {
  const readout = element("p", { id: `${id}-read`, class: "read" });
  control.setAttribute("aria-describedby", `${id}-kind ${id}-read`);
  const label = bindText(element("label", { for: id }), name);
  const beside = bindText(element("span", { id: `${id}-kind`, class: "kind" }), kind);
  const head = element("div", { class: "head" }, label, beside);
  return { frame: element("div", { class: "field" }, head, control, ...extra, readout), readout };
}

function kindLabel(column) {
  if (column.kind === "index") return translate("kind_index", { most: column.n - 1 });
  if (column.kind === "date" && column.time.written) {
    return translate("kind_order", { order: translate(column.time.written) });
  }
  if (column.kind === "text" && !column.n_values) return translate("kind_either");
  if (column.place) return translate(`kind_${column.place.written}`);
  return translate(`kind_${column.kind}`, { n: column.n_values });
}

function readLabel(column, value) {
  if (column.kind === "input" || column.kind === "index") {
    return translate("read", { value: formatNumber(value, 15) });
  }
  if (column.kind === "text") {
    if (value === null) return translate("read_missing_value");
    return translate(column.values.includes(value) ? "read_known" : "read_other");
  }
  const inWords = column.kind === "date" ? formatDate : (number) => formatNumber(number, 15);
  const number = column.time ?? column.place ?? column;
  if (value !== null) return translate("read", { value: inWords(value) });
  if (number.marks_missing) return translate("read_missing");
  return translate("read_as_middle", { value: inWords(number.center) });
}

/** Error message of a field: what came, what was expected, and what to try. */
function wrong(text, column) {
  const isDate = column.kind === "date";
  const cycle = column.place?.written;
  const what = translate(cycle ? `kind_${cycle}` : isDate ? "date" : "number");
  const came = text
    ? translate("came", { text: visible(text), what })
    : translate(isDate ? "came_partly" : "came_empty");
  if (isDate)
    return [
      came,
      translate("expected_date", { example: dateExample(column) }),
      translate("try_empty"),
    ];
  if (column.kind === "index") {
    return [came, translate("expected_whole", { most: column.n - 1 }), translate("try_example")];
  }
  if (cycle) return [came, translate(`expected_${cycle}`), translate("try_empty")];
  const example = numberText(column.example ?? 12.5, column.written);
  const hint = column.kind === "input" ? "try_example" : "try_empty";
  return [came, translate("expected_number", { example }), translate(hint)];
}

const dateExample = ({ time }) =>
  ({ dmy: "31.12.2024", mdy: "12/31/2024" })[time.written] ?? "2024-12-31";

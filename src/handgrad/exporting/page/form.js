// The form: a field a column, what was read beside each, and what is wrong with it.

import { cellRead, isMissing } from "./table.js";
import { numberText } from "./numbers.js";
import { dateSaid, element, numberSaid, say, speak, visible } from "./words.js";

/** Categories of more values than these are typed, with a list of what there is. */
const MOST_CHOICES = 24;
/** The value of a category that none of its values is. */
const OTHER = Symbol("other");

/** The fields of some columns, within `form`; `changed` is called when one of them is. */
export function fieldsOf(columns, reading, form, changed) {
  return columns.map((column, i) => {
    const field = MAKERS[column.read_as](column, `field-${i}`);
    field.name = visible(column.name);
    form.append(framed(field, column, `field-${i}`));
    field.read = () => showRead(field, column, field.cell(reading));
    field.control.addEventListener("input", changed);
    return field;
  });
}

const MAKERS = {
  Number: typed,
  Input: typed,
  Index: typed,
  Date: dated,
  Binary: chosen,
  Category: chosen,
  Code: chosen,
};

/** A field that is typed: a number, or a value of many. */
function typed(column, id) {
  const isText = "values" in column;
  const control = element("input", { id, autocomplete: "off", spellcheck: "false" });
  if (!isText) control.inputMode = column.read_as === "Index" ? "numeric" : "decimal";
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

/** A date: the browser's own field, but for dates that came in an order of their own. */
function dated(column, id) {
  const field = typed(column, id);
  if (column.time.written) return field;
  field.control.type = column.timed ? "datetime-local" : "date";
  if (column.timed) field.control.step = "1";
  const { cell } = field;
  field.cell = (reading) => (field.control.validity.badInput ? { refused: true } : cell(reading));
  return field;
}

/** A list to choose from: nothing, each value, and any other. */
function chosen(column, id) {
  if (column.values.length > MOST_CHOICES) return typed(column, id);
  const missing = speak(element("option", { value: "" }), () => say("missing_choice"));
  const other = speak(element("option", { value: "other" }), () => say("other_choice"));
  const values = column.values.map((value, i) => element("option", { value: i }, visible(value)));
  const control = element("select", { id }, missing, ...values, other);
  const valueOf = { "": null, other: OTHER };
  return {
    control,
    extra: [],
    cell: () => ({ value: control.value in valueOf ? valueOf[control.value] : column.values[control.value] }),
    put: (text) => {
      const place = column.values.indexOf(text);
      control.value = isMissing(text) ? "" : place < 0 ? "other" : place;
    },
  };
}

/** A field with its label, what its column holds, and room for what was read. */
function framed(field, column, id) {
  field.readout = element("p", { id: `${id}-read`, class: "read" });
  field.control.setAttribute("aria-describedby", `${id}-kind ${id}-read`);
  const kind = speak(element("span", { id: `${id}-kind`, class: "kind" }), () => kindSaid(column));
  const label = element("label", { for: id }, visible(column.name));
  const head = element("div", { class: "head" }, label, kind);
  return element("div", { class: "field" }, head, field.control, ...field.extra, field.readout);
}

function kindSaid(column) {
  if (column.read_as === "Index") return say("kind_Index", { most: column.n - 1 });
  if (column.read_as === "Date" && column.time.written) {
    return say("kind_order", { order: say(column.time.written) });
  }
  if (column.read_as === "Number" || column.read_as === "Input") return say("kind_Number");
  if (column.read_as === "Binary" || column.read_as === "Date") return say(`kind_${column.read_as}`);
  return say("kind_Category", { n: column.n_values });
}

/** Show what was read of a field; gives its value, undefined where it was refused. */
function showRead(field, column, { value, refused }) {
  const { control, readout } = field;
  if (refused) {
    const [came, expected, hint] = wrong(field, column);
    readout.replaceChildren(
      element("strong", {}, came),
      element("span", {}, say("expected", { what: expected })),
      element("span", {}, say("try", { what: hint })),
    );
  } else {
    readout.replaceChildren(readSaid(column, value));
  }
  readout.classList.toggle("wrong", Boolean(refused));
  control.setAttribute("aria-invalid", String(Boolean(refused)));
  return refused ? undefined : value;
}

function readSaid(column, value) {
  if (column.read_as === "Input" || column.read_as === "Index") {
    return say("read", { value: numberSaid(value, 15) });
  }
  if ("values" in column) {
    if (value === null) return say("read_missing_value");
    return say(column.values.includes(value) ? "read_known" : "read_other");
  }
  const inWords = column.read_as === "Date" ? dateSaid : (number) => numberSaid(number, 15);
  const number = column.time ?? column;
  if (value !== null) return say("read", { value: inWords(value) });
  if (number.marks_missing) return say("read_missing");
  return say("read_as_middle", { value: inWords(number.center) });
}

/** What came, what was expected, and what to try. */
function wrong({ control }, column) {
  const text = control.value;
  const isDate = column.read_as === "Date";
  const what = say(isDate ? "date" : "number");
  const came = text ? say("came", { text: visible(text), what }) : say(isDate ? "came_partly" : "came_empty");
  if (isDate) return [came, say("expected_date", { example: dateExample(column) }), say("try_empty")];
  if (column.read_as === "Index") {
    return [came, say("expected_whole", { most: column.n - 1 }), say("try_example")];
  }
  const example = numberText(column.example ?? 12.5, column.written);
  const hint = column.read_as === "Input" ? "try_example" : "try_empty";
  return [came, say("expected_number", { example }), say(hint)];
}

const dateExample = ({ time }) =>
  ({ dmy: "31.12.2024", mdy: "12/31/2024" })[time.written] ?? "2024-12-31";

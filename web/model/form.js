// The form: a field a column, what was read beside each, and what is wrong with it.

import { cellRead, isMissing } from "./table.js";
import { numberText } from "./numbers.js";
import { dateSaid, element, formatNumber, say, speak, visible } from "../shared/words.js";

/** Categories of more values than these are typed, with a list of what there is. */
const MOST_CHOICES = 24;
/** The value of a category that none of its values is. */
const OTHER = Symbol("other");

/** So many columns of plain numbers have a field each; more are written in one. */
const MOST_FIELDS = 60;

/**
 * The fields of some columns, made in `place`; `changed` is called when one of them is.
 *
 * `read()` gives the `values` of the row, and the names of the fields that cannot be `read`;
 * `fill(cells)` fills them with texts, or with nothing where there are none.
 */
export function formOf(columns, reading, place, changed) {
  const isWhole =
    columns.length > MOST_FIELDS && columns.every(({ read_as }) => read_as === "Input");
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

/** The field of a column: `read()` gives its value in a list, null where it cannot be read. */
function fieldOf(column, id, reading) {
  const field = MAKERS[column.read_as](column, id);
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

/** One field for all numbers of a row. */
function wholeRow(columns, reading) {
  const control = element("textarea", { id: "field-0", rows: 6, spellcheck: "false" });
  const name = () => say("whole_row", { n: columns.length });
  const { frame, readout } = framed({ control, extra: [] }, "field-0", name, () =>
    say("whole_row_kind"),
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
          ? say("came_count", { n: texts.length })
          : say("came_at", { text: visible(texts[odd]), i: odd + 1 });
      const said = isWhole
        ? say("read_count", { n: texts.length })
        : [came, say("expected_count", { n: columns.length }), say("try_example")];
      show(control, readout, said);
      return isWhole ? values.map(({ value }) => value) : null;
    },
  };
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
    cell: () => ({
      value: control.value in valueOf ? valueOf[control.value] : column.values[control.value],
    }),
    put: (text) => {
      const place = column.values.indexOf(text);
      control.value = isMissing(text) ? "" : place < 0 ? "other" : place;
    },
  };
}

/** A field with its label, what its column holds, and room for what was read. */
function framed({ control, extra }, id, name, kind) {
  const readout = element("p", { id: `${id}-read`, class: "read" });
  control.setAttribute("aria-describedby", `${id}-kind ${id}-read`);
  const label = speak(element("label", { for: id }), name);
  const beside = speak(element("span", { id: `${id}-kind`, class: "kind" }), kind);
  const head = element("div", { class: "head" }, label, beside);
  return { frame: element("div", { class: "field" }, head, control, ...extra, readout), readout };
}

function kindLabel(column) {
  if (column.read_as === "Index") return say("kind_Index", { most: column.n - 1 });
  if (column.read_as === "Date" && column.time.written) {
    return say("kind_order", { order: say(column.time.written) });
  }
  if (column.read_as === "Number" || column.read_as === "Input") return say("kind_Number");
  if (column.read_as === "Binary" || column.read_as === "Date")
    return say(`kind_${column.read_as}`);
  return say("kind_Category", { n: column.n_values });
}

/** Show what was read of a field; or, in three parts, why it was not. */
export function show(control, readout, said) {
  const isWrong = Array.isArray(said);
  if (isWrong) {
    const [came, expected, hint] = said;
    readout.replaceChildren(
      element("strong", {}, came),
      element("span", {}, say("expected", { what: expected })),
      element("span", {}, say("try", { what: hint })),
    );
  } else {
    readout.replaceChildren(said);
  }
  readout.classList.toggle("wrong", isWrong);
  control.setAttribute("aria-invalid", String(isWrong));
}

function readLabel(column, value) {
  if (column.read_as === "Input" || column.read_as === "Index") {
    return say("read", { value: formatNumber(value, 15) });
  }
  if ("values" in column) {
    if (value === null) return say("read_missing_value");
    return say(column.values.includes(value) ? "read_known" : "read_other");
  }
  const inWords = column.read_as === "Date" ? dateSaid : (number) => formatNumber(number, 15);
  const number = column.time ?? column;
  if (value !== null) return say("read", { value: inWords(value) });
  if (number.marks_missing) return say("read_missing");
  return say("read_as_middle", { value: inWords(number.center) });
}

/** What came, what was expected, and what to try. */
function wrong(text, column) {
  const isDate = column.read_as === "Date";
  const what = say(isDate ? "date" : "number");
  const came = text
    ? say("came", { text: visible(text), what })
    : say(isDate ? "came_partly" : "came_empty");
  if (isDate)
    return [came, say("expected_date", { example: dateExample(column) }), say("try_empty")];
  if (column.read_as === "Index") {
    return [came, say("expected_whole", { most: column.n - 1 }), say("try_example")];
  }
  const example = numberText(column.example ?? 12.5, column.written);
  const hint = column.read_as === "Input" ? "try_example" : "try_empty";
  return [came, say("expected_number", { example }), say(hint)];
}

const dateExample = ({ time }) =>
  ({ dmy: "31.12.2024", mdy: "12/31/2024" })[time.written] ?? "2024-12-31";

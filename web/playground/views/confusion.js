// Which classes are taken for which, and what is made of them; the errors of a regression.

import { element, formatNumber, formatPercent, say } from "../../shared/words.js";
import { table } from "./chart.js";
import { askerOf, chooser, rarely, rowsAsker, viewIn } from "./view.js";

/** The metrics of a regression in their order. */
const ERRORS = ["r2", "rmse", "mae", "n"];

/** The confusion of classes in `place`, or the errors of a regression. */
export function confusionIn(place, session) {
  const view = viewIn(place, "confusion", draw);
  const sets = () => ["test", "train"].map((name) => [name, say(`curves_${name}`)]);
  const which = chooser("confusion_of", sets, () => show());
  const shown = element("div", { class: "wide" });
  let rows = null;
  let found = null;
  let version = null;
  view.body.append(which.label, shown);
  const rowsOf = rowsAsker(session, view, (given) => {
    rows = given;
    show();
  });
  const ask = askerOf(session, "confusion", view, (given) => {
    found = given;
    show();
  });
  const soon = rarely(() => ask({}), 500);
  const show = () => {
    if (found && rows) shown.replaceChildren(...tables(found[which.select.value], rows));
  };
  function draw(frame) {
    if (frame.version !== version) {
      [version, found] = [frame.version, null];
      rowsOf({});
    }
    show();
    soon();
  }
  return view;
}

function tables(found, { classes, target }) {
  if (!found?.matrix) {
    const name = target ?? "y";
    const rows = ERRORS.map((key) => [say(`metric_${key}`), formatNumber(found?.[key] ?? NaN, 4)]);
    return [table(say("confusion_errors", { name }), [say("metric"), say("value")], rows)];
  }
  return [matrixOf(found.matrix, classes), ...scoresOf(found.matrix, classes)];
}

/** The matrix: each cell as dark as its share of the rows of its class. */
function matrixOf(matrix, classes) {
  const head = [say("confusion_true"), ...classes.map((name) => say("confusion_as", { name }))];
  const rows = matrix.map((row, i) => [classes[i], ...[...row].map(String)]);
  const made = table(say("confusion_caption"), head, rows);
  made.classList.add("matrix");
  [...made.tBodies[0].rows].forEach((line, i) => {
    const sum = [...matrix[i]].reduce((total, count) => total + count, 0);
    [...line.cells].slice(1).forEach((cell, j) => {
      cell.style.setProperty("--share", sum ? matrix[i][j] / sum : 0);
      cell.classList.add(i === j ? "hit" : "miss");
    });
  });
  return made;
}

/** Precision, recall and F1 of each class, and the accuracy of all. */
function scoresOf(matrix, classes) {
  const all = matrix.flatMap((row) => [...row]).reduce((sum, count) => sum + count, 0);
  const hits = matrix.reduce((sum, row, i) => sum + row[i], 0);
  const share = (part, whole) => (whole ? formatPercent(part / whole) : "–");
  const rows = matrix.map((row, i) => {
    const truly = [...row].reduce((sum, count) => sum + count, 0);
    const said = matrix.reduce((sum, line) => sum + line[i], 0);
    return [
      classes[i],
      share(row[i], said),
      share(row[i], truly),
      share(2 * row[i], truly + said),
      String(truly),
    ];
  });
  const head = ["class", "precision", "recall", "f1", "n"].map((key) => say(`metric_${key}`));
  const sentence = say("confusion_said", { hits, all, percent: share(hits, all) });
  return [table(say("confusion_scores"), head, rows), element("p", { class: "said" }, sentence)];
}

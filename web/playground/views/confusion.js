// Confusion matrix with precision, recall and F1; or the errors of a regression.

import { element, formatNumber, formatPercent, translate } from "../../shared/words.js";
import { table } from "./chart.js";
import { requesterOf, chooser, throttle, rowsRequester, viewIn } from "./view.js";

/** Metrics of a regression, in order. */
const ERRORS = ["r2", "rmse", "mae", "n"];

/** Create the view of the confusion matrix, or of a regression's errors, in `place`. */
export function confusionIn(place, session) {
  const view = viewIn(place, "confusion", draw);
  const sets = () => ["test", "train"].map((name) => [name, translate(`curves_${name}`)]);
  const which = chooser("confusion_of", sets, () => show());
  const shown = element("div", { class: "wide" });
  let rows = null;
  let found = null;
  let version = null;
  view.body.append(which.label, shown);
  const rowsOf = rowsRequester(session, view, (given) => {
    rows = given;
    show();
  });
  const ask = requesterOf(session, "confusion", view, (given) => {
    found = given;
    show();
  });
  const soon = throttle(() => ask({}), 500);
  const show = () => {
    if (found && rows) shown.replaceChildren(...tables(found[which.select.value], rows));
  };
  function draw(frame) {
    if (frame.version !== version) {
      [version, found, rows] = [frame.version, null, null];
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
    const rows = ERRORS.map((key) => [
      translate(`metric_${key}`),
      formatNumber(found?.[key] ?? NaN, 4),
    ]);
    return [
      table(
        translate("confusion_errors", { name }),
        [translate("metric"), translate("value")],
        rows,
      ),
    ];
  }
  return [matrixOf(found.matrix, classes), ...scoresOf(found.matrix, classes)];
}

/** Create the matrix; a cell's shade is its fraction of the true class. */
function matrixOf(matrix, classes) {
  const head = [
    translate("confusion_true"),
    ...classes.map((name) => translate("confusion_as", { name })),
  ];
  const rows = matrix.map((row, i) => [classes[i], ...[...row].map(String)]);
  const made = table(translate("confusion_caption"), head, rows);
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

/** Create the table of precision, recall and F1 of each class, and of the accuracy. */
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
  const head = ["class", "precision", "recall", "f1", "n"].map((key) => translate(`metric_${key}`));
  const sentence = translate("confusion_said", { hits, all, percent: share(hits, all) });
  return [
    table(translate("confusion_scores"), head, rows),
    element("p", { class: "said" }, sentence),
  ];
}

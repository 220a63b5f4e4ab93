// Facts of the model on its page: target, data and score.

import { formatNumber, hasTranslation, translate, visible } from "../shared/words.js";

/** Title of the page: the target, if it is known. */
export const titleOf = ({ about, kind }) =>
  about.target
    ? translate("title_target", { target: visible(about.target) })
    : translate(`title_${kind}`);

/** Sentences on data and score; empty if neither is known. */
export function factsOf({ data, metric, score, between, rows }) {
  const sentences = data ? [translate("trained_on", { data: visible(data) })] : [];
  if (score !== null) {
    const name = `metric_${metric}`;
    const words = {
      metric: hasTranslation(name) ? translate(name) : metric.replaceAll("_", " "),
      score: formatNumber(score, 3),
      low: between && formatNumber(between[0], 3),
      high: between && formatNumber(between[1], 3),
      n: rows,
    };
    const keys = between ? ["score_between", "score_between_rows"] : ["score", "score_rows"];
    sentences.push(translate(keys[Number(rows !== null)], words));
  }
  return sentences.join("").trim();
}

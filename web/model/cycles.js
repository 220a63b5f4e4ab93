// Parser of times of day and names of months and weekdays, as handgrad.tables.data.cyclic_texts.

import { plain } from "./numbers.js";

/** Hours of a time of day, or the place of a name in its cycle from 1; null for other texts. */
export function placeIn(text, cycle, patterns) {
  const cell = plain(text, patterns);
  if (cycle === "time") return hoursIn(cell, patterns.cycles.time);
  const name = cell.toLowerCase().replace(/\.+$/, "");
  return patterns.cycles[cycle].findIndex((same) => same.split(" ").includes(name)) + 1 || null;
}

function hoursIn(text, pattern) {
  const found = new RegExp(pattern, "u").exec(text)?.groups;
  if (!found || !(found.minute || found.unit)) return null;
  const [hour, minute, second] = [found.hour, found.minute, found.second].map((part) =>
    Number(part ?? 0),
  );
  const inHalves = /^[ap]/i.test(found.unit);
  if (hour > (inHalves ? 12 : 24) || minute > 59 || second >= 60) return null;
  const later = /^p/i.test(found.unit) ? 12 : 0;
  const seconds = 3600 * (inHalves ? (hour % 12) + later : hour) + 60 * minute + second;
  return seconds <= 86400 ? seconds / 3600 : null;
}

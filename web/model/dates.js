// Date parser: ISO 8601 as Python reads it, other formats in the order found in training.

import { plain } from "./numbers.js";

export const DAY = 86400;

/** Days since 1970 of a date of the Gregorian calendar; null for an invalid one. */
export function dayOf(year, month, day) {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const there = date.getUTCFullYear() === year && date.getUTCMonth() === month - 1;
  return there && date.getUTCDate() === day ? date.getTime() / (1000 * DAY) : null;
}

/** Parse a date as days since 1970, with their fraction; null if it is none. */
export function dateIn(text, order, patterns) {
  return isoDateIn(text) ?? orderedDateIn(text, order, patterns);
}

/** Parse a date by an order of day, month and year: `order` if possible, else the default. */
function orderedDateIn(text, order, patterns) {
  const dashed = patterns.date_forms.reduce(
    (form, [pattern, other]) => form.replace(new RegExp(pattern, "iu"), other),
    plain(text, patterns),
  );
  const found = new RegExp(patterns.date, "u").exec(plain(dashed, patterns))?.groups;
  if (!found || found.s !== found.t) return null;
  const seconds = secondsOf(found);
  const usual = found.s === "/" ? "mdy" : "dmy";
  for (const way of [order, usual, "dmy", "mdy", "ymd"]) {
    const days = way && seconds < DAY ? daysBy(way, found, patterns.last_century) : null;
    if (days !== null) return (days * DAY + seconds) / DAY;
  }
  return null;
}

function daysBy(order, { a, b, c, s }, lastCentury) {
  if (order === "ymd") {
    return a.length === 4 && c.length <= 2 ? dayOf(Number(a), Number(b), Number(c)) : null;
  }
  if (a.length > 2 || ![2, 4].includes(c.length) || (order === "mdy" && s === ".")) return null;
  const [day, month] = order === "dmy" ? [a, b] : [b, a];
  const century = c.length === 4 ? 0 : Number(c) < lastCentury ? 2000 : 1900;
  return dayOf(Number(c) + century, Number(month), Number(day));
}

function secondsOf({ hour, minute, second, half }) {
  const later = /p/i.test(half ?? "") ? 12 : 0;
  const hours = half ? (Number(hour) % 12) + later : Number(hour ?? 0);
  return 3600 * hours + 60 * Number(minute ?? 0) + Number(second ?? 0);
}

/** Parse a date as `datetime.fromisoformat` does, in local time; null if it fails. */
function isoDateIn(text) {
  const letters = [...text];
  const end = endOfDate(letters);
  const days = isoDay(letters.slice(0, end).join(""));
  if (days === null) return null;
  if (letters.length === end) return days;
  const time = isoTime(letters.slice(end + 1).join(""));
  return time === null ? null : daysWith(days, time);
}

/** Length of the date at the start of a text, with a dash or digits that may belong to it, as in Python. */
function endOfDate(letters) {
  if (letters.length === 7) return 7;
  const isDigit = (letter) => /^\d$/.test(letter ?? "");
  if (letters[4] === "-") {
    return letters[5] !== "W" || (letters[8] === "-" && !isDigit(letters[10])) ? 10 : 8;
  }
  if (letters[4] !== "W") return 8;
  let digits = 7;
  while (isDigit(letters[digits])) digits += 1;
  return digits < 9 ? digits : digits % 2 ? 8 : 7;
}

const DATES = /^(?<year>\d{4})(?:-(?<month>\d\d)-(?<day>\d\d)|(?<m>\d\d)(?<d>\d\d))$/;
const WEEKS = /^(?<year>\d{4})(?:-W(?<week>\d\d)(?:-(?<day>\d))?|W(?<w>\d\d)(?<d>\d)?)$/;

function isoDay(text) {
  const { year, month, day, m, d } = DATES.exec(text)?.groups ?? {};
  if (year) return Number(year) ? dayOf(Number(year), Number(month ?? m), Number(day ?? d)) : null;
  const found = WEEKS.exec(text)?.groups;
  if (!found || !Number(found.year)) return null;
  const week = Number(found.week ?? found.w);
  const weekday = Number(found.day ?? found.d ?? 1);
  const [first, next] = [0, 1].map((more) => firstMonday(Number(found.year) + more));
  const days = first + 7 * (week - 1) + weekday - 1;
  const there = week >= 1 && weekday >= 1 && weekday <= 7 && days - weekday + 1 < next;
  return there && days < dayOf(10000, 1, 1) ? days : null;
}

/** Monday of the first ISO week of a year: the week of January 4. */
function firstMonday(year) {
  const fourth = dayOf(year, 1, 4);
  return fourth - ((((fourth + 3) % 7) + 7) % 7);
}

const CLOCK =
  /^(?<hour>\d\d)(?:(?::(?<minute>\d\d)(?::(?<second>\d\d))?|(?<m>\d\d)(?<s>\d\d)?)?)(?:[.,](?<part>\d+))?$/;

/** Parse a time of day, `HH:MM:SS.ffffff` or its beginning, as seconds and microseconds. */
function clock(text) {
  const found = CLOCK.exec(text)?.groups;
  if (!found) return null;
  const [hour, minute, second] = [
    found.hour,
    found.minute ?? found.m ?? 0,
    found.second ?? found.s ?? 0,
  ];
  const part = (found.part ?? "").slice(0, 6).padEnd(6, "0");
  return { hour: Number(hour), minute: Number(minute), second: Number(second), part };
}

/** Parse a time of day with an optional time zone; null if it is none. */
function isoTime(text) {
  const at = text.search(/[-+Z]/);
  const time = clock(at < 0 ? text : text.slice(0, at));
  if (!time || time.hour > 23 || time.minute > 59 || time.second > 59) return null;
  if (at < 0 || text.slice(at) === "Z") return time;
  const zone = text[at] === "Z" ? null : clock(text.slice(at + 1));
  return zone && 3600 * zone.hour + 60 * zone.minute + zone.second < DAY ? time : null;
}

/** Days with a time as fraction: integer microseconds, divided twice as in Python. */
function daysWith(days, { hour, minute, second, part }) {
  const millionths =
    BigInt(days * DAY + 3600 * hour + 60 * minute + second) * 1000000n + BigInt(part);
  const size = String(millionths < 0n ? -millionths : millionths).padStart(7, "0");
  const seconds = Number(`${millionths < 0n ? "-" : ""}${size.slice(0, -6)}.${size.slice(-6)}`);
  return seconds / DAY;
}

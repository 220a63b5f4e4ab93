// What is found in the site's index for what is typed; `how` it was taken: exact, close, nothing.

const HAN = /\p{Script=Han}/u;
const RUNS = /\p{Script=Han}+|[^\s\p{Script=Han}]+/gu;
const MARKS = /[?!,;，。？！、；：“”《》()（）…]+|\.(?=\s|$)/gu;
const HYPHEN = /(?<=\p{L})[-\u2010\u2011](?=\p{L})/gu;
// What a question has around what it asks for.
const ASKING =
  /什么是|是什么|为什么|有什么|怎么办|怎么样|怎么|怎样|如何|请问|什么|哪些|哪里|哪个|多少|能不能|可不可以|[吗呢]/gu;
const ENGLISH = new Set(
  (
    "a an and are can do does for from how i in is it my of on or that the this to what when where " +
    "which who why with your"
  ).split(" "),
);
// Between words of Chinese, which has no spaces.
const PARTICLES = /自己|一个|[的了在和与把我用]/gu;

export const fold = (text) => text.toLowerCase().replace(HYPHEN, "");

const unique = (all) => [...new Set(all)];

const bigrams = (word) => Array.from({ length: word.length - 1 }, (_, i) => word.slice(i, i + 2));

/** The index with what is compared of each section: its title, its text, what its page is called. */
const prepared = (index) => {
  const called = (name) => [name, ...Object.values(index.titles[name] ?? {})].join(" ");
  index.folded ??= index.sections.map(([name, , , anchor, title, text]) =>
    [title, text, anchor ? "" : called(name)].map(fold),
  );
  return index;
};

/** The words of what was typed, and those of them that say what it asks for. */
const wordsOf = (typed) => {
  const text = fold(typed)
    .replace(MARKS, " ")
    .replace(/(?<=^|\s)hg\.|-+(?=\s|$)/gu, "");
  const all = unique(text.split(/\s+/u).filter(Boolean));
  const asked = unique(text.replace(ASKING, " ").split(/\s+/u).filter(Boolean));
  const words = asked.filter((word) => !ENGLISH.has(word));
  return words.length ? words : all;
};

/** The numbers of the sections that have a pair of letters; null where too many have it. */
const having = (index, pair) => {
  let last = 0;
  const numbers = index.bigrams[pair]?.split(" ");
  return numbers?.map((step) => (last += parseInt(step, 36))) ?? null;
};

/** The sections that may have all the words, by the pairs of letters that tell sections apart. */
const candidates = (index, words) => {
  const pairs = unique(words.flatMap(bigrams));
  const lists = pairs.map((pair) => having(index, pair)).filter(Boolean);
  if (!lists.length) return index.sections.map((_, n) => n);
  const votes = new Map();
  for (const list of lists) for (const n of list) votes.set(n, (votes.get(n) ?? 0) + 1);
  return [...votes].filter(([, count]) => count === lists.length).map(([n]) => n);
};

const has = (index, n, word) => index.folded[n].some((text) => text.includes(word));

const withAll = (index, words) =>
  words.length
    ? candidates(index, words).filter((n) => words.every((word) => has(index, n, word)))
    : [];

/** The word of the site that shares most pairs of letters with `word`; itself if none is close. */
const closest = (index, word) => {
  if (HAN.test(word)) return word;
  index.words ??= new Set(index.folded.flat().flatMap((text) => text.match(/\p{L}+/gu) ?? []));
  const pairs = new Set(bigrams(word));
  let [best, most] = [word, 0.6];
  for (const other of index.words) {
    const theirs = unique(bigrams(other));
    const shared = theirs.filter((pair) => pairs.has(pair)).length;
    const alike = (2 * shared) / (pairs.size + theirs.length);
    if (alike > most) [best, most] = [other, alike];
  }
  return best;
};

/** The sections that have most of the words; the fewer have a word, the more it counts. */
const withMost = (index, words) => {
  const sums = new Map();
  for (const word of words) {
    const numbers = index.sections.map((_, n) => n).filter((n) => has(index, n, word));
    const weight = Math.log(1 + index.sections.length / numbers.length);
    for (const n of numbers) sums.set(n, (sums.get(n) ?? 0) + weight);
  }
  const most = Math.max(...sums.values());
  return [...sums].filter(([, sum]) => sum > most / 2).map(([n]) => n);
};

const runs = (words) => words.flatMap((word) => word.match(RUNS) ?? []);

/** The ways to take the words, from what was typed to what is close to a part of it. */
const takings = function* (index, words) {
  yield ["exact", words, withAll];
  const apart = runs(words)
    .flatMap((run) => run.split(PARTICLES))
    .filter(Boolean);
  yield ["exact", unique(apart), withAll];
  const meant = unique(runs(words).map((run) => closest(index, run)));
  yield ["close", meant, withAll];
  const parts = meant.flatMap((run) => (HAN.test(run) && run.length > 2 ? bigrams(run) : [run]));
  yield ["close", unique(parts), withMost];
};

/** How much a section is about the words: a long one says each of them anyway. */
const score = (index, n, words) => {
  const [title, text, called] = index.folded[n];
  const [, , page, anchor] = index.sections[n];
  let sum = 0;
  for (const word of words) {
    if (title === word) sum += 60;
    if (title.includes(word)) sum += 40;
    if (!anchor && fold(page).includes(word)) sum += 20;
    if (called.includes(word)) sum += 20;
    const times = text.split(word).length - 1;
    sum += (20 * times) / (times + 1 + text.length / 500);
  }
  return sum;
};

/** Whether one who reads this language reads a section, or at least what the tree calls its page. */
const reads = (index, n, tongue, words) => {
  const [name, own, , anchor] = index.sections[n];
  const title = anchor || tongue === "en" ? "" : fold(index.titles[name]?.[tongue] ?? "");
  return own === tongue || words.some((word) => title.includes(word));
};

/** The numbers of the sections in which it is found, those in its language first, and its words. */
export const find = (index, typed, language) => {
  const tongue = HAN.test(typed) ? "zh" : language.slice(0, 2);
  for (const [how, words, by] of takings(prepared(index), wordsOf(typed))) {
    const ranked = by(index, words).map((n) => ({
      n,
      own: reads(index, n, tongue, words),
      score: score(index, n, words),
    }));
    if (!ranked.length) continue;
    ranked.sort((a, b) => b.own - a.own || b.score - a.score || a.n - b.n);
    return { how, words, numbers: ranked.map(({ n }) => n) };
  }
  return { how: "nothing", words: [], numbers: [] };
};

/** A text cut up: every second piece is one of the words, as the text writes it. */
export const pieces = (text, words) => {
  const letters = (word) => [...word].map((c) => c.replace(/[\\^$.*+?()[\]{}|/]/u, "\\$&"));
  const forms = words.map((word) => letters(word).join("[-\u2010\u2011]?"));
  return words.length ? text.split(new RegExp(`(${forms.join("|")})`, "giu")) : [text];
};

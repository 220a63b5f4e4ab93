// The sentences of an exercise, filled in as Python fills them in.

/** A sentence of the words, with values in place of the names in braces. */
export const filled = (words, key, values = {}) =>
  words[key].replace(/\{(\w+)\}/gu, (_, name) => values[name]);

/** Feedback on one answer. */
export const sentence = (words, hole, remarks) =>
  filled(words, "of_hole", { hole, text: judgement(words, remarks) });

/** The same without the name of the hole. */
export const judgement = (words, remarks) =>
  remarks.map(({ key, values }) => filled(words, key, values)).join(words.between);

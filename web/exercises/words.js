// Sentences of an exercise, formatted as in Python.

/** Format a sentence: values replace the names in braces. */
export const filled = (words, key, values = {}) =>
  words[key].replace(/\{(\w+)\}/gu, (_, name) => values[name]);

/** Format the feedback on an answer. */
export const sentence = (words, hole, remarks) =>
  filled(words, "of_hole", { hole, text: judgement(words, remarks) });

/** Format the feedback on an answer without the name of the hole. */
export const judgement = (words, remarks) =>
  remarks.map(({ key, values }) => filled(words, key, values)).join(words.between);

// Challenges: a data set, a goal for the test rows, and the score: hidden neurons, the fewer the better.

import { element, formatPercent, onLanguageChange, translate } from "../../shared/words.js";

const GOAL = 0.95; // accuracy on the test rows
const LEAST_TESTS = 200; // rows
/** Noise that the data set of a challenge has at least, by `state.tutorial`. */
const CHALLENGES = {
  challenge_moons: { kind: "moons", noise: 10 },
  challenge_circle: { kind: "circle", noise: 10 },
  challenge_xor: { kind: "xor", noise: 10 },
  challenge_spiral: { kind: "spiral", noise: 0 },
};

/** Key of the condition that a state does not meet; undefined if it meets all. */
function missing({ data, inputs, share }, { kind, noise }) {
  if (data.kind !== kind || data.noise < noise) return "challenge_data";
  if (data.n * (1 - share / 100) < LEAST_TESTS) return "challenge_tests";
  if (inputs.some((input) => !["x1", "x2"].includes(input))) return "challenge_inputs";
}

/** Create the score of the challenge that the state names; hidden without one. */
export function challenge(store) {
  const now = element("p", {});
  const reached = element("p", { class: "reached", role: "status" });
  const whole = element("div", { class: "lesson challenge" }, now, reached);
  const best = new Map(); // by challenge: { neurons, epoch }

  const show = () => {
    const { state, session } = store;
    const frame = store.frame?.begun === session?.begun ? store.frame : null; // of this net
    const own = Object.hasOwn(CHALLENGES, state.tutorial) && CHALLENGES[state.tutorial];
    whole.hidden = !own;
    if (!own) return;
    const neurons = state.layers.reduce((sum, { units }) => sum + units, 0);
    const accuracy = frame?.metrics?.test?.accuracy ?? 0;
    const score = { neurons, accuracy: formatPercent(accuracy), goal: formatPercent(GOAL) };
    const fault = missing(state, own);
    now.textContent = fault
      ? translate(fault, { noise: own.noise, tests: LEAST_TESTS })
      : translate("challenge_now", score);
    const before = best.get(state.tutorial);
    if (!fault && frame && accuracy >= GOAL && !(before?.neurons <= neurons))
      best.set(state.tutorial, { neurons, epoch: frame.epoch });
    const done = best.get(state.tutorial);
    const text = done ? translate("challenge_reached", done) : "";
    if (reached.textContent !== text) reached.textContent = text; // spoken once
  };
  store.watch("state", show);
  store.watch("frame", show);
  onLanguageChange(show);
  return whole;
}

// Entry point of the playground's page: the data embedded by Python, the state in the URL, the
// server if there is one.

import { connectToServer } from "./server/client.js";
import { programsOf } from "./server/programs.js";
import { sendWeights } from "./server/weight_updates.js";
import { start } from "./shell/main.js";
import { stateIn } from "./training/links.js";
import { stateOf } from "./training/state.js";

const textOf = (id) => document.getElementById(id).textContent;

begin();

async function begin() {
  const given = JSON.parse(textOf("given"));
  const server = given.near ? connectToServer() : null;
  const refused = server ? await askFor(given, server) : given.near;
  const whole = given.whole ? given.state.data.rows.x : null;
  const address = location.hash.slice(1);
  const { state, problems } = address ? stateIn(address) : stateOf(given.state);
  const place = document.getElementById("playground");
  const store = start(place, {
    ...given,
    state,
    problems,
    server: refused ? null : server,
    whole,
    programFor: programsOf(given, refused ? null : server),
    worker: textOf("script"),
  });
  place.store = store; // for the browser's console
  if (refused) store.notice("server_no_token", {}, true);
  else if (server) server.onGone = () => store.notice("server_gone", {}, true);
  const back = backTo(given, refused ? null : server);
  if (back) sendWeights(store, back);
}

/** Fetch what only the holder of the token gets; true if the server refuses it. */
async function askFor(given, server) {
  try {
    Object.assign(given, await server.given());
    return false;
  } catch {
    return true;
  }
}

/** Target of the weights: the server, or the notebook that embeds this page. */
function backTo(given, server) {
  if (server) return (weights) => server.isGone || server.back(weights).catch(() => {});
  if (!given.back) return null;
  return (weights) => window.parent.postMessage({ handgrad: given.back, weights }, "*");
}

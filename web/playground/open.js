// The page opens: with what Python put into it, the state in its address, and a library if near.

import { serverNear } from "./server/client.js";
import { programsOf } from "./server/programs.js";
import { sendBack } from "./server/weights.js";
import { start } from "./shell/main.js";
import { stateIn } from "./training/links.js";
import { stateOf } from "./training/state.js";

const textOf = (id) => document.getElementById(id).textContent;

begin();

async function begin() {
  const given = JSON.parse(textOf("given"));
  const server = given.near ? serverNear() : null;
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
  place.store = store; // for the console of who wants to look
  if (refused) store.notice("server_no_token", {}, true);
  else if (server) server.onGone = () => store.notice("server_gone", {}, true);
  const back = backTo(given, refused ? null : server);
  if (back) sendBack(store, back);
}

/** Take what only the one with the token is given; true where that is refused. */
async function askFor(given, server) {
  try {
    Object.assign(given, await server.given());
    return false;
  } catch {
    return true;
  }
}

/** Where weights go: to the server, or to the notebook that this page is a part of. */
function backTo(given, server) {
  if (server) return (weights) => server.isGone || server.back(weights).catch(() => {});
  if (!given.back) return null;
  return (weights) => window.parent.postMessage({ handgrad: given.back, weights }, "*");
}

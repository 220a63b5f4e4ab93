// Programs of WebAssembly for the nets of the page: those that came with it, else the server's.

/** What a program is made for; weights and the learning rate are handed to it. */
const MADE_FOR = ["own", "layers", "width", "loss", "optimizer", "penalty", "clip", "batch_size"];

/** Gives, for what Model takes, a promise of a program for it, or of null where there is none. */
export function programsOf(given, server) {
  return async (model) => {
    const kind = kindOf(model);
    const made = given.programs.find((one) => isSame(kindOf(one.model), kind));
    if (made) return made.program;
    if (!server || server.isGone) return null;
    try {
      return await server.program(kind);
    } catch {
      return null; // the traced layers continue, bit-identical
    }
  };
}

function kindOf(model) {
  const kind = Object.fromEntries(MADE_FOR.map((name) => [name, model[name] ?? null]));
  const layers = kind.layers.map((layer) => ({ ...layer, page: undefined }));
  return { ...kind, layers, optimizer: { ...kind.optimizer, learning_rate: 1 } };
}

/** Whether two values of JSON are the same; a key that is missing is as one that is null. */
export function isSame(one, other) {
  if (one === null || other === null || typeof one !== "object" || typeof other !== "object") {
    return (one ?? null) === (other ?? null);
  }
  const keys = [...new Set([...Object.keys(one), ...Object.keys(other)])];
  return keys.every((key) => isSame(one[key], other[key]));
}

// WebAssembly programs for the page's nets: embedded in the page, or compiled by the server.

/** Fields of a model that determine its program; weights and learning rates are arguments. */
const MADE_FOR = ["own", "layers", "width", "loss", "optimizer", "penalty", "clip", "batch_size"];

/** Create a function from a model's specification to a promise of its program, or of null. */
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

/** Deep equality of JSON values; a missing key equals null. */
export function isSame(one, other) {
  if (one === null || other === null || typeof one !== "object" || typeof other !== "object") {
    return (one ?? null) === (other ?? null);
  }
  const keys = [...new Set([...Object.keys(one), ...Object.keys(other)])];
  return keys.every((key) => isSame(one[key], other[key]));
}

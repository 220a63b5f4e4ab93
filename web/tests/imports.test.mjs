// Imports of the pages' modules: each is in its own level or a lower one, and there are no cycles.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";

const WEB = path.resolve(fileURLToPath(import.meta.url), "../..");
/** Levels of folders, the lowest first; a nested folder is an entry of its own. */
const LEVELS = [
  ["shared", "explain", "playground/server"],
  ["model", "writer", "playground/engine"],
  ["playground/training"],
  ["playground/views"],
  ["playground/shell"],
  ["playground", "exercises"],
];
/** Modules generated when a page is written: the net, its encoder, its columns, and the generator. */
const MADE = new Set([
  "model/net.js",
  "model/encoding.js",
  "model/columns.js",
  "model/inspected.js",
  "writer/text.js",
]);

const MODULES = readdirSync(WEB, { recursive: true })
  .map((name) => name.replaceAll("\\", "/"))
  .filter((name) => /\.m?js$/.test(name) && !name.startsWith("tests/"));

const levelOf = (module) => LEVELS.findIndex((parts) => parts.includes(path.posix.dirname(module)));

const textOf = (module) => readFileSync(path.join(WEB, module), "utf-8");

/** Modules that a text imports, as paths within this folder. */
function importsOf(module, text) {
  const found = text.matchAll(/^(?:import|export)\b[^;]*?from "([^"]+)";/gm);
  return [...found].map(([, there]) => path.posix.join(path.posix.dirname(module), there));
}

/** Modules of an import cycle, or null. */
function circleFrom(module, arrows, way = []) {
  if (way.includes(module)) return [...way.slice(way.indexOf(module)), module];
  for (const there of arrows.get(module) ?? []) {
    const circle = circleFrom(there, arrows, [...way, module]);
    if (circle) return circle;
  }
  return null;
}

const ARROWS = new Map(MODULES.map((module) => [module, importsOf(module, textOf(module))]));

test("every module has its level", () => {
  assert.deepEqual(
    MODULES.filter((module) => levelOf(module) < 0),
    [],
  );
});

for (const [module, imported] of ARROWS) {
  test(`${module} imports what is there, of its own part or of one below`, () => {
    for (const there of imported) {
      if (MADE.has(there)) continue;
      assert.ok(MODULES.includes(there), there);
      const isOwn = path.posix.dirname(there) === path.posix.dirname(module);
      assert.ok(isOwn || levelOf(there) < levelOf(module), there);
    }
  });
}

test("there are no circles", () => {
  const planted = new Map(Object.entries({ a: ["b"], b: ["c"], c: ["b"] }));
  assert.deepEqual(circleFrom("a", planted), ["b", "c", "b"]);
  for (const module of MODULES) assert.equal(circleFrom(module, ARROWS), null);
});

test("every form of an import is seen", () => {
  const text = 'import { a,\n  b } from "../x.js";\nexport { c } from "./y.js";\n';
  assert.deepEqual(importsOf("shared/z.js", text), ["x.js", "shared/y.js"]);
});

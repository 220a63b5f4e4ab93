// Drives a playground by pointer and keyboard in Chromium or Firefox: BROWSER, EXECUTABLE, URL, SEED.
// Each line on stdin is a command, [name, ...given]; each line on stdout is what it answers.

import { createInterface } from "node:readline";
import puppeteer from "puppeteer-core";
import { SEEN, TARGETS, settled } from "./in_page.mjs";

const PATIENCE = 120000;
const PAUSE = 50;
/** Longer than the page waits until it writes its address, and says where it stands. */
const WRITTEN = 1200;
const [browserName, executablePath, url, seed] = process.argv.slice(2);
const KEYS = [" ", ".", ",", "/", "r", "n", "?", "Escape", "Enter", "Tab", "ArrowUp"];
KEYS.push("ArrowDown", "ArrowLeft", "ArrowRight", "Home", "End", "PageDown");
KEYS.push("Control+z", "Control+Shift+z", "Control+y");
/** What is typed into fields: what fits most, what fits few, and what fits none. */
const TEXTS = ["0", "1", "2", "3", "10", "20", "0.5", "0.1", "0.03", "0.9", "0.001", "-1", "", "x"];
const FORMULAS = ["sin(x2)", "x1 * x2", "x1**2 / 4", "1/x1", "abs(x2)", "cos(", "exp(9**x1)", "x3"];
const TABLES = ["a,b,c\n1,2,x\n2,1,y\n3,5,x\n4,4,y\n0,1,x\n", "a,b\n1,2\n", "", "a\n1\n2\n3\n"];

const options = { browser: browserName, executablePath, protocolTimeout: PATIENCE };
if (browserName === "chrome") options.args = ["--no-sandbox"];
const browser = await puppeteer.launch(options);
try {
  const page = await opened();
  for await (const line of createInterface({ input: process.stdin })) {
    const [name, ...given] = JSON.parse(line);
    process.stdout.write(`${JSON.stringify(await commandsOf(page)[name](...given))}\n`);
  }
} finally {
  await browser.close();
}

async function opened() {
  const page = await browser.newPage();
  page.errors = [];
  page.history = [];
  page.random = randomFrom(Number(seed));
  page.on("pageerror", (error) => page.errors.push(String(error?.stack ?? error)));
  page.on("console", (said) => said.type() === "error" && page.errors.push(said.text()));
  await page.setViewport({ width: 1280, height: 900 });
  await page.goto(url);
  await until(page, () => document.querySelectorAll(".neuron").length > 0);
  return page;
}

/** Numbers from 0 to 1 that a seed decides (mulberry32). */
function randomFrom(start) {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function until(page, holds, ...given) {
  const end = Date.now() + PATIENCE;
  while (Date.now() < end) {
    if (await page.evaluate(holds, ...given)) return;
    await new Promise((go) => setTimeout(go, PAUSE));
  }
  throw new Error(`not so: ${holds}; ${page.errors}; ${page.history.slice(-9)}`);
}

function commandsOf(page) {
  return {
    /** So many random clicks and keys. */
    async walk(events) {
      for (let i = 0; i < events; i++) await event(page);
      return page.history.splice(0);
    },
    /** What the page shows once it stands still. */
    async seen() {
      await page.evaluate(() => {
        document.activeElement?.blur(); // what is being typed is taken or refused
        document.getElementById("playground").store.session.pause();
      });
      await until(page, settled);
      await new Promise((go) => setTimeout(go, WRITTEN));
      const seen = JSON.parse(await page.evaluate(SEEN));
      return { ...seen, errors: page.errors.splice(0) };
    },
    /** Save what is to be seen. */
    async picture(path) {
      await page.screenshot({ path });
      return null;
    },
    /** Press a control by its name or its selector. */
    async press(selector) {
      await page.evaluate((which) => {
        const found = document.querySelector(which);
        for (let e = found; e; e = e.parentElement) if (e.open === false) e.open = true;
        found.scrollIntoView({ block: "center" });
      }, selector);
      await page.click(selector);
      return null;
    },
    async choose(selector, value) {
      await page.evaluate(chooseIn, selector, value);
      return null;
    },
    /** Whether it trains on within a while. */
    async trains() {
      const step = () => document.getElementById("playground").store.frame.step;
      const before = await page.evaluate(step);
      try {
        await until(
          page,
          (old) => {
            const { frame } = document.getElementById("playground").store;
            return frame.playing && frame.step > old;
          },
          before,
        );
      } catch {
        return false;
      }
      return true;
    },
  };
}

function chooseIn(selector, value) {
  const found = document.querySelector(selector);
  found.value = value;
  found.dispatchEvent(new Event("change", { bubbles: true }));
}

/** A random event: a key, or what one does with a random control. */
async function event(page) {
  const { random } = page;
  const one = (list) => list[Math.floor(random() * list.length)];
  if (random() < 0.2) {
    const key = one(KEYS);
    // a key may not save a file, nor leave the page
    await page.evaluate(() => {
      const { activeElement: now } = document;
      if (now?.closest("a, .files, [type=file]")) now.blur();
    });
    page.history.push(`key ${key}`);
    const keys = key.split("+");
    for (const one of keys) await page.keyboard.down(one);
    for (const one of keys.reverse()) await page.keyboard.up(one);
    return;
  }
  const target = await page.evaluate(TARGETS, [random(), random(), random()]);
  if (!target) return;
  page.history.push(`${target.kind} ${target.name}`);
  const { x, y } = target;
  if (target.kind === "text") {
    const texts = /formula|add_input/.test(target.name) ? [...FORMULAS, ...TEXTS] : TEXTS;
    const text = target.name.includes("paste_table") ? one(TABLES) : one(texts);
    await page.mouse.click(x, y, { count: 3 });
    await page.keyboard.press("Backspace");
    await page.keyboard.type(text);
    await page.keyboard.press(one(["Tab", "Enter"]));
  } else if (target.kind === "drag") {
    await page.mouse.move(x, y);
    await page.mouse.down();
    const { width, height } = page.viewport(); // Firefox takes no pointer out of it
    const [toX, toY] = [x + 60 * (random() - 0.5), y + 60 * (random() - 0.5)];
    const within = (value, size) => Math.min(Math.max(value, 0), size - 1);
    await page.mouse.move(within(toX, width), within(toY, height), { steps: 3 });
    await page.mouse.up();
  } else if (target.kind !== "done") await page.mouse.click(x, y);
}

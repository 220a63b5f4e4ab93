// Opens the playground in Firefox and prints what came of it: FIREFOX, URL, ENGINE, STEP.

import puppeteer from "puppeteer-core";

const PATIENCE = 60000;
const PAUSE = 50;
const [executablePath, url, engine, step] = process.argv.slice(2);

const browser = await puppeteer.launch({ browser: "firefox", executablePath });
try {
  process.stdout.write(JSON.stringify(await played()));
} finally {
  await browser.close();
}

/** The weights at a step, once the engine has trained; and what the browser complained of. */
async function played() {
  const page = await browser.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (said) => said.type() === "error" && errors.push(said.text()));
  await page.goto(url);
  await until(page, engine);
  const weights = await page.evaluate(async (there) => {
    const { store } = document.getElementById("playground");
    await store.session.goTo(there);
    return [...(await store.session.request("model")).weights];
  }, Number(step));
  return { weights, errors };
}

async function until(page, engine) {
  const trains = (name) => {
    const frame = document.getElementById("playground")?.store?.frame;
    return frame?.engine === name && frame.playing && frame.epoch > 20;
  };
  for (let waited = 0; waited < PATIENCE; waited += PAUSE) {
    if (await page.evaluate(trains, engine)) return;
    await new Promise((go) => setTimeout(go, PAUSE));
  }
  throw new Error(`it does not train by ${engine}`);
}

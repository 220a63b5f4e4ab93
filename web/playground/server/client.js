// The library near the page: what is asked of the server that the page came from.

const HEADER = "X-Handgrad-Token";
const JSON_TYPE = { "Content-Type": "application/json" };
const KEY = "handgrad-token";

/**
 * The server, if the page's address has the token for it, which is taken out of the address: a
 * link that is shared does not give the library away. Null without one.
 */
export function serverNear() {
  const parts = location.hash.replace(/^#/, "").split("&");
  const token = parts.find((part) => part.startsWith("token="))?.slice("token=".length);
  if (token) {
    window.sessionStorage.setItem(KEY, token);
    const rest = parts.filter((part) => !part.startsWith("token=")).join("&");
    history.replaceState(null, "", rest ? `#${rest}` : location.pathname);
  }
  const kept = window.sessionStorage.getItem(KEY);
  return kept ? new Server(kept) : null;
}

/** Asks for what needs Python; each promise is refused with the three parts of an error. */
export class Server {
  constructor(token) {
    this.token = token;
    this.isGone = false;
    this.onGone = () => {};
  }

  /** What the page begins with, as page/README.md has it. */
  async given() {
    return (await this.ask("given", {})).json();
  }

  /** A program for a model, as ArrayBuffer with what it holds, for WasmModel. */
  async program(model) {
    return (await this.ask("program", model)).json();
  }

  /** A file with a table, read as Python reads it: `{ rows, problem, table }`. */
  async table(file, { target = "" } = {}) {
    const query = new URLSearchParams({ name: file.name, target });
    return (await this.send(`table?${query}`, file, {})).json();
  }

  /** The file of that name which hg.export writes of a model, as a Blob. */
  async file(name, model) {
    return (await this.ask("file", { ...model, name })).blob();
  }

  /** What the doctor finds: `[{ name, where, evidence, advice }]`. */
  async doctor(model) {
    return (await this.ask("doctor", model)).json();
  }

  /** The net's weights as they are now, which `page.net` has from then on. */
  async back(weights) {
    await this.ask("weights", { weights });
  }

  /** Trains a model there; `onReport` hears of epochs, at most ten times a second. */
  train(model, onReport) {
    const stopping = new AbortController();
    const { signal } = stopping;
    this.ask("train", model, signal)
      .then((answer) => this.hear(answer.body.getReader(), onReport))
      .catch((failure) => {
        if (signal.aborted) return;
        if (failure.gone) this.goes();
        onReport({ failure });
      });
    return { stop: () => stopping.abort() };
  }

  /** Hear reports to the last one; where they break off before it, the server has gone. */
  async hear(reader, onReport) {
    let isOver = false;
    const hears = (report) => {
      isOver = Boolean(report.ended || report.failure);
      onReport(report);
    };
    await reports(reader, hears).catch(() => {});
    if (!isOver) throw { gone: true };
  }

  /** A request with JSON in it. */
  ask(route, body, signal) {
    const text = JSON.stringify(body, (_, value) => (isNumbers(value) ? written(value) : value));
    return this.send(route, text, JSON_TYPE, signal);
  }

  async send(route, body, headers, signal) {
    let answer;
    try {
      const all = { ...headers, [HEADER]: this.token };
      answer = await fetch(`/${route}`, { method: "POST", body, headers: all, signal });
    } catch (error) {
      if (!signal?.aborted) this.goes();
      throw { gone: true, error };
    }
    if (answer.ok) return answer;
    throw await answer.json().catch(() => ({ came: answer.statusText, expected: "", hint: "" }));
  }

  /** The server does not answer any more: notify once. */
  goes() {
    if (this.isGone) return;
    this.isGone = true;
    this.onGone();
  }
}

const isNumbers = (value) => ArrayBuffer.isView(value);

const written = (numbers) =>
  numbers instanceof Int32Array ? { int32: asText(numbers) } : asText(numbers);

/** The bytes of numbers as base64, in pieces that a call can take. */
function asText({ buffer, byteOffset, byteLength }) {
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  const letters = [];
  for (let i = 0; i < bytes.length; i += 0x8000) {
    letters.push(String.fromCharCode(...bytes.subarray(i, i + 0x8000)));
  }
  return btoa(letters.join(""));
}

/** Events as they come: `data: {…}` lines. */
async function reports(reader, onReport) {
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (text + decoder.decode(value, { stream: true })).split("\n");
    text = lines.pop();
    for (const line of lines) {
      if (line.startsWith("data: ")) onReport(JSON.parse(line.slice("data: ".length)));
    }
  }
}

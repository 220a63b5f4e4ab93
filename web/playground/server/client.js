// Client of handgrad's server: requests for tables, files, programs, findings and training.

const HEADER = "X-Handgrad-Token";
const JSON_TYPE = { "Content-Type": "application/json" };
const KEY = "handgrad-token";

/**
 * Connect to the server if the URL has its token; null without one. The token is removed from the
 * URL, so that a shared link does not give access.
 */
export function connectToServer() {
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

/** HTTP client of the server; promises are rejected with the three parts of an error. */
export class Server {
  constructor(token) {
    this.token = token;
    this.isGone = false;
    this.onGone = () => {};
  }

  /** Fetch the page's initial data, as in playground/README.md. */
  async given() {
    return (await this.ask("given", {})).json();
  }

  /** Compile a model: a program as ArrayBuffer with its description, for WasmModel. */
  async program(model) {
    return (await this.ask("program", model)).json();
  }

  /** Read a file with a table in Python: `{ rows, problem, table }`. */
  async table(file, { target = "" } = {}) {
    const query = new URLSearchParams({ name: file.name, target });
    return (await this.send(`table?${query}`, file, {})).json();
  }

  /** Export a model with hg.export to a file of that name; returns a Blob. */
  async file(name, model) {
    return (await this.ask("file", { ...model, name })).blob();
  }

  /** Findings of the doctor: `[{ name, where, evidence, advice }]`. */
  async doctor(model) {
    return (await this.ask("doctor", model)).json();
  }

  /** Send the net's current weights: `page.net` has them from then on. */
  async back(weights) {
    await this.ask("weights", { weights });
  }

  /** Train a model on the server; `onReport` is called with epochs, at most ten times a second. */
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

  /** Read reports up to the last; if they stop before it, the server has ended. */
  async hear(reader, onReport) {
    let isOver = false;
    const hears = (report) => {
      isOver = Boolean(report.ended || report.failure);
      onReport(report);
    };
    await reports(reader, hears).catch(() => {});
    if (!isOver) throw { gone: true };
  }

  /** Send a request with a JSON body. */
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

  /** Handle a server that no longer responds: notify once. */
  goes() {
    if (this.isGone) return;
    this.isGone = true;
    this.onGone();
  }
}

const isNumbers = (value) => ArrayBuffer.isView(value);

const written = (numbers) =>
  numbers instanceof Int32Array ? { int32: asText(numbers) } : asText(numbers);

/** Encode the bytes of numbers as base64, in chunks that a call can take. */
function asText({ buffer, byteOffset, byteLength }) {
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  const letters = [];
  for (let i = 0; i < bytes.length; i += 0x8000) {
    letters.push(String.fromCharCode(...bytes.subarray(i, i + 0x8000)));
  }
  return btoa(letters.join(""));
}

/** Parse server-sent events: `data: {…}` lines. */
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

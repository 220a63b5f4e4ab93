// What is run within a playground's page: where a pointer may go, and what is seen there.

/** Choose a control by three numbers from 0 to 1: its name, its kind, and a place upon it. */
export function TARGETS([first, second, third]) {
  const dialog = document.querySelector("dialog[open]");
  const within = dialog ?? document.getElementById("playground");
  const kinds =
    "button, summary, select, textarea, input:not([type=file]), canvas.points, .net-stage canvas";
  const away = "a, .files button, .files label, [type=file], [hidden], .away, :disabled";
  const isSeen = (e) => {
    const { width, height } = e.getBoundingClientRect();
    return width > 0 && height > 0 && !e.closest(away);
  };
  const all = [...within.querySelectorAll(kinds)].filter(isSeen);
  if (!all.length) return null;
  // as many neurons and rows there may be, each kind of control is chosen alike often
  const groupOf = (e) =>
    e.closest("[data-control]")?.dataset.control ?? e.getAttribute("role") ?? e.className ?? e.type;
  const groups = [...new Set(all.map(groupOf))];
  const group = groups[Math.floor(first * groups.length)];
  const members = all.filter((e) => groupOf(e) === group);
  const found = members[Math.floor(second * members.length)];
  found.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
  const { left, top, width, height } = found.getBoundingClientRect();
  const isWide = found.matches("canvas, [type=range]");
  const [x, y] = [
    left + (isWide ? 0.05 + 0.9 * third : 0.5) * width,
    top + (isWide ? 0.05 + 0.9 * ((7 * third) % 1) : 0.5) * height,
  ];
  const name = `${group} ${found.dataset.set ?? found.dataset.input ?? found.value ?? ""}`;
  // what covers it is pressed in its place, as it is by a hand; but no file is saved by that
  const hit = document.elementFromPoint(x, y);
  if (!hit || hit.closest("a, .files button, .files label, [type=file]")) return null;
  if (found.matches("select")) {
    const { options } = found;
    if (!options.length) return null; // of a view that is not drawn yet
    found.focus();
    found.value = options[Math.floor(third * options.length)].value;
    for (const what of ["input", "change"]) found.dispatchEvent(new Event(what, { bubbles: true }));
    return { kind: "done", name: `${group} ${found.value}` };
  }
  if (found.matches("textarea, [type=text], [type=number]")) return { kind: "text", name, x, y };
  return { kind: found.matches("canvas.points, [type=range]") ? "drag" : "click", name, x, y };
}

/** Whether what is shown is all that there is: the training stands, and the last frame is seen. */
export async function settled() {
  const { store } = document.getElementById("playground");
  const now = () => `${store.frame?.begun} ${store.frame?.step} ${store.frame?.version}`;
  const before = now();
  await new Promise((go) => setTimeout(go, 400));
  if (now() !== before || store.frame?.begun !== store.session.begun) return false;
  if (store.frame.playing) {
    store.session.pause(); // as by a key that came late
    return false;
  }
  const { weights } = await store.session.request("model");
  const { parameters } = store.frame;
  return (
    weights.length === parameters.length && weights.every((x, i) => Object.is(x, parameters[i]))
  );
}

/** All that a page shows that stands still, and the state that it says it shows, as JSON. */
export async function SEEN() {
  const { store } = document.getElementById("playground");
  const { frame, session } = store;
  const textOf = (e) => e?.textContent ?? "";
  const all = (selector) => [...document.querySelectorAll(selector)];
  const controls = all("[data-control]").filter((e) => e.matches("input, select"));
  const grids = { side: frame.maps.side, columns: frame.maps.columns.map((values) => [...values]) };
  const { columns, ranges, held } = frame.plane;
  return JSON.stringify({
    hash: location.hash,
    state: { ...session.state, at: { step: frame.step } },
    step: frame.step,
    weights: [...frame.parameters],
    losses: frame.losses,
    failure: frame.failure,
    grids,
    plane: { columns, ranges, held: [...held] },
    painted: painted(),
    language: document.querySelector(".playground").lang,
    counter: textOf(document.querySelector(".counter b")),
    batch: textOf(document.querySelector(".counter small")),
    status: textOf(document.querySelector(".playground > [role=status]")),
    slider: all(".slider input").find((e) => e.getClientRects().length)?.value ?? null,
    labels: all(".label.before").map(textOf),
    lit: all(".chip[aria-pressed=true]").map((e) => [e.dataset.input, textOf(e)]),
    set: all("[data-set][aria-checked=true]").map((e) => e.dataset.set),
    neurons: all(".neuron").map((e) => [Number(e.dataset.column), Number(e.dataset.unit)]),
    heads: all("[role=radio] b").map((e) => [
      textOf(e),
      parseFloat(e.closest(".head")?.style.left),
    ]),
    controls: controls.map((e) => ({
      name: e.dataset.control,
      value: e.type === "checkbox" ? e.checked : e.value,
      isShown: e.getClientRects().length > 0 || !e.closest("[hidden], .away"),
      isWrong: e.getAttribute("aria-invalid") === "true",
      part: e.closest("[data-settings]")?.dataset.settings ?? null,
    })),
    notice: textOf(document.querySelector(".notice:not([hidden]) p")),
    problems: all(".problem:not([hidden])").map(textOf),
  });

  /** How blue each input's map is, less how orange, at places of its picture; by input. */
  function painted() {
    const canvas = document.querySelector(".net-stage canvas");
    const pen = canvas.getContext("2d");
    const fine = canvas.width / canvas.getBoundingClientRect().width;
    const edge = canvas.getBoundingClientRect();
    return all('.neuron[data-column="0"]').map((e) => {
      const { left, top, width, height } = e.getBoundingClientRect();
      return [0.15, 0.5, 0.85].flatMap((down) =>
        [0.15, 0.5, 0.85].map((across) => {
          const x = Math.floor((left - edge.left + across * width) * fine);
          const y = Math.floor((top - edge.top + down * height) * fine);
          const [red, , blue] = pen.getImageData(x, y, 1, 1).data;
          return blue - red;
        }),
      );
    });
  }
}

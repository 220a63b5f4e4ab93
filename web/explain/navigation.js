// Keyboard and pointer navigation of an explanation: highlights a number's operands and uses.
(() => {
  const main = document.querySelector("main");
  const all = (selector) => [...document.querySelectorAll(selector)];
  const index = (elements, name) => {
    const found = new Map();
    for (const element of elements)
      for (const key of element.dataset[name].split(" "))
        if (key) found.set(key, [...(found.get(key) ?? []), element]);
    return found;
  };
  const shown = index(all("[data-k]"), "k");
  const made = index(all("li[data-d]"), "d");
  const used = index(all("li[data-s]"), "s");
  const weights = index(all(".weight"), "of");
  let marked = [];

  const add = (elements, name) => {
    for (const element of elements ?? []) {
      element.classList.add(name);
      marked.push([element, name]);
    }
  };

  // all occurrences of a number, except those within the lines of others
  const own = (key) =>
    (shown.get(key) ?? []).filter((element) => element.localName === "b" || !element.closest("li"));

  const mark = (key) => {
    for (const [element, name] of marked) element.classList.remove(name);
    marked = [];
    if (!key) return;
    add(shown.get(key), "this");
    add(weights.get(key), "near");
    for (const line of made.get(key) ?? []) {
      add(line.querySelectorAll("span[data-k]"), "from");
      for (const from of line.dataset.s.split(" ")) add(own(from), "from");
    }
    for (const line of used.get(key) ?? []) add(own(line.dataset.d), "to");
  };

  const keyOf = (target) => {
    const element = target.closest?.("[data-k]") ?? target.closest?.("li[data-d]");
    return element?.dataset.k ?? element?.dataset.d;
  };

  for (const event of ["mouseover", "focusin", "click"])
    document.addEventListener(event, (happened) => {
      const key = keyOf(happened.target);
      if (key || event === "click") mark(key);
    });

  const lines = () => all("li[data-d]").filter((line) => line.offsetParent);
  const goTo = (element) => {
    for (const other of all('main [tabindex="0"]')) other.tabIndex = -1;
    element.tabIndex = 0;
    element.focus();
    element.scrollIntoView({ block: "nearest" });
  };

  const step = (line, by) => {
    const visible = lines();
    const next = visible[visible.indexOf(line) + by];
    if (next) goTo(next);
  };

  const sideways = (line, by) => {
    const stops = [line, ...line.querySelectorAll("[data-k][tabindex]")];
    const next = stops[stops.indexOf(document.activeElement) + by];
    if (next) goTo(next);
  };

  const jump = (key) => {
    const [line] = made.get(key) ?? [];
    if (!line) return;
    const closed = line.closest("details");
    if (closed) closed.open = true;
    goTo(line);
  };

  const moves = {
    ArrowDown: (line) => step(line, 1),
    ArrowUp: (line) => step(line, -1),
    ArrowRight: (line) => sideways(line, 1),
    ArrowLeft: (line) => sideways(line, -1),
    Enter: () => jump(keyOf(document.activeElement)),
    Escape: () => mark(null),
  };

  main.addEventListener("keydown", (pressed) => {
    const line = pressed.target.closest("li[data-d]");
    if (!line || !(pressed.key in moves) || pressed.ctrlKey || pressed.metaKey || pressed.altKey)
      return;
    pressed.preventDefault();
    moves[pressed.key](line);
  });

  const [first] = lines();
  if (first) first.tabIndex = 0;
})();

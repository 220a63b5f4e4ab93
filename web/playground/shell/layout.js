// Layout of the page: data and inputs, network diagram, outputs.

import { element, translate, bindText } from "../../shared/words.js";
import { card, disclosure, translated } from "./elements.js";

/** Create the empty layout: its areas by name, and `whole`, their container. */
export function layout() {
  const area = (name, tag = "div") => element(tag, { class: name });
  const names = ["run", "people", "learning", "data", "inputs", "net", "band", "output"];
  const areas = Object.fromEntries(
    [...names, "progress", "time", "below", "lesson"].map((name) => [name, area(name)]),
  );
  const live = element("p", { class: "unseen", role: "status" });
  const notice = element("div", { class: "notice", role: "alert", hidden: "" });
  const heading = translated("h2", "run", { class: "unseen" });
  const bar = element("div", { class: "bar" }, heading, areas.run, areas.people, areas.time);
  const learning = card("learning", areas.learning);
  const left = area("left");
  left.append(card("data", areas.data), card("inputs", areas.inputs));
  const middle = area("middle");
  middle.append(card("net", areas.net, areas.band));
  const right = area("right");
  right.append(card("output", areas.output), element("div", { class: "card" }, areas.progress));
  for (const part of [right, learning]) part.querySelector("header").className = "unseen";
  const columns = element("div", { class: "columns" });
  columns.append(left, learning, middle, right);
  const whole = element("div", { class: "playground" });
  whole.append(
    translated("h1", "title", { class: "unseen" }),
    bar,
    notice,
    areas.lesson,
    columns,
    areas.below,
    about(),
    live,
  );
  return { ...areas, whole, live, notice };
}

function about() {
  const texts = ["about_1", "about_2", "about_3"].map((key) => translated("p", key));
  const made = disclosure("about", ...texts);
  made.classList.add("about");
  return made;
}

/**
 * Create tabs; `entries` are [name, content], and `choose(name)` is called when one is pressed.
 * Returns `{ element, set(name) }`; the first one is open where no tab has the name.
 */
export function tabs(label, entries, choose) {
  const list = element("div", { role: "tablist", class: "tabs" });
  bindText(list, () => translate(label), "aria-label");
  const panels = entries.map(([name, content], i) => {
    const tab = element("button", { type: "button", role: "tab", id: `tab-${name}` });
    const panel = element("div", { role: "tabpanel", id: `panel-${name}`, class: "card" });
    bindText(tab, () => translate(name));
    tab.setAttribute("aria-controls", panel.id);
    panel.setAttribute("aria-labelledby", tab.id);
    panel.append(content);
    tab.addEventListener("click", () => choose(name));
    tab.addEventListener("keydown", (event) => {
      const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!way) return;
      const next = (i + way + entries.length) % entries.length;
      choose(entries[next][0]);
      panels[next][0].focus();
    });
    list.append(tab);
    return [tab, panel];
  });
  const set = (name) => {
    const which = Math.max(
      0,
      entries.findIndex(([other]) => other === name),
    );
    panels.forEach(([tab, panel], i) => {
      tab.setAttribute("aria-selected", String(i === which));
      tab.tabIndex = i === which ? 0 : -1;
      panel.hidden = i !== which;
    });
  };
  const whole = element("div", { class: "tabbed" }, list, ...panels.map(([, panel]) => panel));
  return { element: whole, set };
}

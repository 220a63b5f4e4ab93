// Where everything stands: data and inputs, the net, and what comes out of it.

import { element, speak, say } from "../../../html/words.js";
import { card } from "./elements.js";

/** The frame of the page, empty: its areas by name, and `whole`, which holds them. */
export function layout() {
  const area = (name, tag = "div") => element(tag, { class: name });
  const areas = {
    run: area("run"),
    people: area("people"),
    learning: area("learning"),
    data: area("data"),
    inputs: area("inputs"),
    net: area("net"),
    band: area("band"),
    output: area("output"),
    time: area("time"),
    below: area("below"),
    about: area("about"),
    lesson: area("lesson"),
  };
  const live = element("p", { class: "unseen", role: "status", "aria-live": "polite" });
  const notice = element("p", { class: "notice", role: "alert", hidden: "" });
  const bar = element("div", { class: "bar", role: "group" }, areas.run, areas.time, areas.people);
  speak(bar, () => say("run"), "aria-label");
  const left = element(
    "div",
    { class: "left" },
    card("data", areas.data),
    card("inputs", areas.inputs),
  );
  const net = card("net", areas.net, areas.band);
  net.classList.add("wide");
  const middle = element("div", { class: "middle" }, net, card("learning", areas.learning));
  const right = element("div", { class: "right" }, card("output", areas.output));
  const columns = element("div", { class: "columns" }, left, middle, right);
  const whole = element("div", { class: "playground" });
  whole.append(bar, notice, areas.lesson, columns, areas.below, areas.about, live);
  return { ...areas, whole, live, notice };
}

/** Tabs of which one is open: `entries` are pairs of a name and what it shows. */
export function tabs(label, entries, opened) {
  const list = element("div", { role: "tablist", class: "tabs" });
  speak(list, () => say(label), "aria-label");
  const panels = entries.map(([name, content], i) => {
    const tab = element("button", { type: "button", role: "tab", id: `tab-${label}-${name}` });
    const panel = element("div", { role: "tabpanel", id: `panel-${label}-${name}`, tabindex: "0" });
    speak(tab, () => say(name));
    tab.setAttribute("aria-controls", panel.id);
    panel.setAttribute("aria-labelledby", tab.id);
    panel.append(content);
    tab.addEventListener("click", () => open(i));
    tab.addEventListener("keydown", (event) => {
      const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (way) open((i + way + entries.length) % entries.length, true);
    });
    list.append(tab);
    return [tab, panel];
  });
  function open(which, focused = false) {
    panels.forEach(([tab, panel], i) => {
      tab.setAttribute("aria-selected", String(i === which));
      tab.tabIndex = i === which ? 0 : -1;
      panel.hidden = i !== which;
    });
    if (focused) panels[which][0].focus();
    opened?.(entries[which][0]);
  }
  if (panels.length) open(0);
  return element("div", { class: "tabbed" }, list, ...panels.map(([, panel]) => panel));
}

// The search: the index is a script, which is loaded when it is first wanted.
import { find, pieces } from "./finding.js";

const MOST = 12;
const LONGEST = 170;
const box = document.querySelector("search");
const input = box.querySelector("input");
const list = box.querySelector("[role=listbox]");
const status = box.querySelector("[role=status]");
const { top, language } = document.body.dataset;
let index = null;
let found = [];
let chosen = -1;

const load = () => {
  if (index || document.querySelector("script[data-index]")) return;
  const script = document.createElement("script");
  script.src = `${top}search-index.js`;
  script.dataset.index = "";
  script.onload = () => {
    index = self.searchIndex;
    search();
  };
  document.head.append(script);
};

const search = () => {
  if (!input.value.trim()) return show([], "");
  if (!index) return show([], box.dataset.loading);
  const { how, words, numbers } = find(index, input.value, language);
  return show(numbers.slice(0, MOST), box.dataset[how] ?? "", words);
};

/** What stands around the first of the words, in which they are marked. */
const excerpt = (text, words) => {
  const at = words.length ? pieces(text, words)[0].length : 0;
  const from = at < text.length && at > 60 ? at - 50 : 0;
  const to = from + LONGEST;
  const shown = `${from ? "…" : ""}${text.slice(from, to)}${to < text.length ? "…" : ""}`;
  return element("span", marked(shown, words));
};

const element = (tag, children) => {
  const made = document.createElement(tag);
  made.append(...children);
  return made;
};

const marked = (text, words) =>
  pieces(text, words).map((piece, i) => (i % 2 ? element("mark", [piece]) : piece));

const show = (numbers, said, words) => {
  found = numbers;
  list.replaceChildren(
    ...numbers.map((n, i) => {
      const [name, tongue, page, anchor, title, text] = index.sections[n];
      const frame = frameOf(tongue);
      const own = !anchor && tongue !== frame && index.titles[name]?.[frame];
      const option = document.createElement("li");
      option.id = `found-${i}`;
      option.setAttribute("role", "option");
      option.lang = tongue === "zh" ? "zh-Hans" : tongue;
      const heading = element("b", marked(own || title, words));
      if (own) heading.lang = language;
      const where = element("small", [title === page ? "" : page]);
      option.append(heading, where, excerpt(text, words));
      option.addEventListener("mousedown", (event) => event.preventDefault());
      option.addEventListener("click", () => go(i));
      return option;
    }),
  );
  list.hidden = !numbers.length;
  status.textContent = said;
  box.lastElementChild.hidden = !said && !numbers.length;
  input.setAttribute("aria-expanded", String(numbers.length > 0));
  choose(numbers.length ? 0 : -1);
};

const choose = (i) => {
  chosen = i;
  [...list.children].forEach((option, n) => option.setAttribute("aria-selected", n === i));
  if (i < 0) return input.removeAttribute("aria-activedescendant");
  input.setAttribute("aria-activedescendant", `found-${i}`);
  return list.children[i].scrollIntoView({ block: "nearest" });
};

/** The language of the frame in which a result opens: that of this page, or of its text. */
const frameOf = (tongue) => (language.startsWith("zh") ? "zh" : tongue);

const go = (i) => {
  const [page, tongue, , anchor] = index.sections[found[i]];
  const folder = frameOf(tongue) === "en" ? "" : `${frameOf(tongue)}/`;
  location.href = `${top}${folder}${page}.html${anchor ? `#${encodeURIComponent(anchor)}` : ""}`;
};

box.hidden = false;
input.addEventListener("focus", load);
input.addEventListener("input", search);
input.addEventListener("blur", () => show([], ""));
input.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && found.length) {
    event.preventDefault();
    choose((chosen + step + found.length) % found.length);
  } else if (event.key === "Enter" && chosen >= 0) {
    event.preventDefault();
    go(chosen);
  } else if (event.key === "Escape") {
    input.value = "";
    show([], "");
  }
});
addEventListener("keydown", (event) => {
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    input.focus();
  }
});

// The search: the index is a script, which is loaded when it is first wanted.
(() => {
  const MOST = 12;
  const box = document.querySelector("search");
  const [input, list, status] = box.children;
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
      index.folded = index.sections.map((section) => [section[4], section[5]].map(fold));
      search();
    };
    document.head.append(script);
  };

  const fold = (text) => text.toLowerCase();

  const bigrams = (word) => Array.from({ length: word.length - 1 }, (_, i) => word.slice(i, i + 2));

  /** The numbers of the sections that have a pair of letters; null where too many have it. */
  const having = (pair) => {
    let last = 0;
    const numbers = index.bigrams[pair]?.split(" ");
    return numbers?.map((step) => (last += parseInt(step, 36))) ?? null;
  };

  /** The sections that may have all the words, by the pairs of letters that tell sections apart. */
  const candidates = (words) => {
    const lists = words.flatMap(bigrams).map(having).filter(Boolean);
    if (!lists.length) return index.sections.map((_, n) => n);
    const votes = new Map();
    for (const list of lists) for (const n of list) votes.set(n, (votes.get(n) ?? 0) + 1);
    return [...votes].filter(([, count]) => count === lists.length).map(([n]) => n);
  };

  const withAll = (words) =>
    candidates(words).filter((n) =>
      words.every((word) => index.folded[n].some((text) => text.includes(word))),
    );

  /** The word of the site that shares most pairs of letters with `word`; itself if none is close. */
  const closest = (word) => {
    index.words ??= new Set(index.folded.flat().flatMap((text) => text.match(/[\p{L}]+/gu) ?? []));
    const pairs = new Set(bigrams(word));
    let [best, most] = [word, 0.6];
    for (const other of index.words) {
      const theirs = new Set(bigrams(other));
      const shared = [...theirs].filter((pair) => pairs.has(pair)).length;
      const alike = (2 * shared) / (pairs.size + theirs.size);
      if (alike > most) [best, most] = [other, alike];
    }
    return best;
  };

  const score = (n, words) => {
    const [title, text] = index.folded[n];
    const [, tongue, page, anchor] = index.sections[n];
    let sum = tongue.startsWith(language.slice(0, 2)) ? 30 : 0;
    for (const word of words) {
      if (title === word) sum += 60;
      if (title.includes(word)) sum += 40;
      if (!anchor && fold(page).includes(word)) sum += 20;
      sum += Math.min(10, text.split(word).length);
    }
    return sum;
  };

  const search = () => {
    const words = fold(input.value).split(/\s+/).filter(Boolean);
    if (!words.length) return show([], "");
    if (!index) return show([], box.dataset.loading);
    const exact = withAll(words);
    const meant = exact.length ? words : words.map(closest);
    const numbers = exact.length ? exact : withAll(meant);
    numbers.sort((a, b) => score(b, meant) - score(a, meant) || a - b);
    const said = exact.length ? "" : numbers.length ? box.dataset.close : box.dataset.nothing;
    return show(numbers.slice(0, MOST), said, meant);
  };

  const marked = (text, words) => {
    const folded = fold(text);
    const at = Math.max(0, Math.min(...words.map((w) => folded.indexOf(w)).filter((i) => i >= 0)));
    const from = at > 60 && at < Infinity ? at - 50 : 0;
    const excerpt = (from ? "…" : "") + text.slice(from, from + 170) + "…";
    const span = document.createElement("span");
    let rest = excerpt;
    while (rest) {
      const [next, word] = words
        .map((w) => [fold(rest).indexOf(w), w])
        .filter(([i]) => i >= 0)
        .sort(([a], [b]) => a - b)[0] ?? [rest.length, ""];
      const mark = document.createElement("mark");
      mark.textContent = rest.slice(next, next + word.length);
      span.append(rest.slice(0, next), ...(word ? [mark] : []));
      rest = rest.slice(next + word.length);
    }
    return span;
  };

  const show = (numbers, said, words) => {
    found = numbers;
    list.replaceChildren(
      ...numbers.map((n, i) => {
        const [, tongue, page, , title, text] = index.sections[n];
        const option = document.createElement("li");
        option.id = `found-${i}`;
        option.setAttribute("role", "option");
        option.lang = tongue === "zh" ? "zh-Hans" : tongue;
        const heading = document.createElement("b");
        heading.textContent = title;
        const where = document.createElement("small");
        where.textContent = title === page ? "" : page;
        option.append(heading, where, marked(text, words));
        option.addEventListener("mousedown", (event) => event.preventDefault());
        option.addEventListener("click", () => go(i));
        return option;
      }),
    );
    list.hidden = !numbers.length;
    status.textContent = said;
    status.hidden = !said || numbers.length > 0;
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

  /** The page of a result, in the language of its text where that is one of the site's. */
  const go = (i) => {
    const [page, tongue, , anchor] = index.sections[found[i]];
    const shown = language.startsWith("zh") || tongue === "zh" ? "zh/" : "";
    const folder = tongue === "en" && !language.startsWith("zh") ? "" : shown;
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
})();

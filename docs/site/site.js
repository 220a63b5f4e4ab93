// A page of the site: the switch of languages stays at the section, boxes that scroll can be
// scrolled by keyboard, the contents show where one is.

const wide = matchMedia("(min-width: 78rem)");
const headings = [...document.querySelectorAll(".text [id]")].filter((e) =>
  /^H[2-4]$/.test(e.tagName),
);

/** The heading that what stands at the top of the window is below, if there is one. */
const current = () =>
  headings.filter((heading) => heading.getBoundingClientRect().top < 120).at(-1) ?? null;

for (const link of document.querySelectorAll("a.language")) {
  const target = link.getAttribute("href");
  link.addEventListener("click", () => {
    const heading = current();
    link.setAttribute("href", heading ? `${target}#${encodeURIComponent(heading.id)}` : target);
  });
}

const contents = document.querySelector(".contents details");
const links = new Map(
  [...document.querySelectorAll(".contents a")].map((link) => [
    decodeURIComponent(link.hash.slice(1)),
    link,
  ]),
);

const follow = () => {
  const heading = current();
  for (const link of links.values()) link.removeAttribute("aria-current");
  if (heading) links.get(heading.id)?.setAttribute("aria-current", "true");
};

const settle = () => {
  if (contents) contents.open = wide.matches;
  for (const box of document.querySelectorAll("pre, .scrolls, .pdoc .attr")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
};

settle();
follow();
addEventListener("resize", settle);
addEventListener("scroll", follow, { passive: true });
const tree = document.querySelector(".tree");
const here = tree.querySelector("[aria-current]");
if (here && here.offsetTop > tree.clientHeight - 60) tree.scrollTop = here.offsetTop - 120;
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && location.hash === "#tree") location.hash = "#content";
});

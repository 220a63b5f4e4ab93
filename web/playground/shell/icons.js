// Icons of buttons: SVG strokes in the colour of the text.

const drawn = (paths) =>
  `<svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true" fill="none" ` +
  `stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">` +
  `${paths}</svg>`;

const filled = (path) => `<path d="${path}" fill="currentColor" stroke="none"/>`;

export const SIGNS = {
  play: drawn(
    filled("M8 5.2v13.6c0 .8.9 1.3 1.6.8l10-6.8a1 1 0 0 0 0-1.6l-10-6.8A1 1 0 0 0 8 5.2z"),
  ),
  pause: drawn(filled("M7 5h3.4v14H7zM13.6 5H17v14h-3.4z")),
  rewind: drawn(
    `<path d="M5 5v14"/>${filled("M19 5.8v12.4c0 .8-.9 1.2-1.5.7l-8-6.2a.9.9 0 0 1 0-1.4l8-6.2c.6-.5 1.5-.1 1.5.7z")}`,
  ),
  epoch: drawn(
    `${filled("M4 6.2v11.6c0 .7.8 1.1 1.4.7l8.2-5.8a.9.9 0 0 0 0-1.4L5.4 5.5A.9.9 0 0 0 4 6.2z")}<path d="M18 5v14"/>`,
  ),
  batch: drawn(`<path d="M5 12h12M12 6.5l5.5 5.5-5.5 5.5M21 8v8"/>`),
  layer: drawn(
    `<rect x="3.5" y="6" width="5" height="12" rx="1.5"/><path d="M12 12h8M17 8.5l3.5 3.5-3.5 3.5"/>`,
  ),
  reset: drawn(
    `<path d="M20 5v5h-5M4 19v-5h5"/><path d="M19 10a7.5 7.5 0 0 0-13.3-2.7M5 14a7.5 7.5 0 0 0 13.3 2.7"/>`,
  ),
  undo: drawn(`<path d="M9 14L4 9l5-5"/><path d="M4 9h10a6 6 0 0 1 0 12h-3"/>`),
  redo: drawn(`<path d="M15 14l5-5-5-5"/><path d="M20 9H10a6 6 0 0 0 0 12h3"/>`),
  remove: drawn(`<path d="M6 6l12 12M18 6L6 18"/>`),
  more: drawn(`<path d="M12 5v14M5 12h14"/>`),
  less: drawn(`<path d="M5 12h14"/>`),
};

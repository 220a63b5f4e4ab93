// Files that leave the page, and states that come back to it.

/** Hand a file to the browser, which asks where to put it. */
export function save(name, content, type = "application/octet-stream") {
  const blob = content instanceof Blob ? content : new Blob([content], { type });
  const address = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

/** A canvas as a PNG. */
export const pngOf = (canvas) => new Promise((done) => canvas.toBlob(done, "image/png"));

/** The parameters by their names, `{ "0.W": [[…], …], … }`, as JSON. */
export function weightsText(names, parameters) {
  const entries = names.map(({ name, shape, offset }) => {
    const size = shape.reduce((product, n) => product * n, 1);
    const numbers = [...parameters.subarray(offset, offset + size)];
    return [name, shaped(numbers, shape)];
  });
  return `${JSON.stringify(Object.fromEntries(entries), null, 1)}\n`;
}

function shaped(numbers, [first, ...rest]) {
  if (!rest.length) return numbers;
  const each = numbers.length / first;
  return Array.from({ length: first }, (_, i) =>
    shaped(numbers.slice(i * each, (i + 1) * each), rest),
  );
}

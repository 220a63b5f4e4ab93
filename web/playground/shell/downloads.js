// Downloads: files, PNG images of canvases, weights as JSON.

/** Offer a file for download. */
export function save(name, content, type = "application/octet-stream") {
  const blob = content instanceof Blob ? content : new Blob([content], { type });
  const address = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

/** Encode a canvas as PNG. */
export const pngOf = (canvas) => new Promise((done) => canvas.toBlob(done, "image/png"));

/** Format the parameters by name, `{ "0.W": [[…], …], … }`, as JSON. */
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

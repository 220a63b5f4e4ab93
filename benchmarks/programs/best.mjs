// The least time of a call, of many, in µs.
export function best(call, { seconds, turns }) {
  for (const until = performance.now() + 200; performance.now() < until;) call(); // until it is optimised
  let started = performance.now();
  call();
  const count = Math.max(
    1,
    Math.floor((seconds * 1e3) / Math.max(performance.now() - started, 1e-3)),
  );
  let least = Infinity;
  for (let turn = 0; turn < turns; turn++) {
    started = performance.now();
    for (let i = 0; i < count; i++) call();
    least = Math.min(least, performance.now() - started);
  }
  return (least / count) * 1e3;
}

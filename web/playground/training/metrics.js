// Metrics: accuracy and confusion matrix of classes; R², MAE and RMSE of numbers.

/** Predicted class of row i, from its `outputs` numbers. */
export function classAt(predictions, outputs, i, border) {
  if (outputs === 1) return predictions[i] > border ? 1 : 0;
  let best = 0;
  for (let c = 1; c < outputs; c++) {
    if (predictions[i * outputs + c] > predictions[i * outputs + best]) best = c;
  }
  return best;
}

/** Threshold of a single output for class 1: 0.5 for a probability, 0 for a score. */
export const borderOf = (loss) => (loss === "BinaryCrossEntropyLoss" ? 0.5 : 0);

/** Confusion matrix: rows of each true class (first) by predicted class (second). */
export function confusion(predictions, y, outputs, classes, border) {
  const matrix = Array.from({ length: classes }, () => Array(classes).fill(0));
  for (let i = 0; i < y.length; i++) {
    matrix[y[i]][classAt(predictions, outputs, i, border)] += 1;
  }
  return matrix;
}

/** Accuracy: fraction of rows whose class is predicted correctly. */
export function accuracy(predictions, y, outputs, border) {
  let right = 0;
  for (let i = 0; i < y.length; i++) right += classAt(predictions, outputs, i, border) === y[i];
  return right / y.length;
}

/** R², mean absolute error, and root mean squared error. */
export function errors(predictions, y) {
  const n = y.length;
  let sum = 0;
  for (const value of y) sum += value;
  let [squares, sizes, spread] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    const error = predictions[i] - y[i];
    squares += error * error;
    sizes += Math.abs(error);
    spread += (y[i] - sum / n) * (y[i] - sum / n);
  }
  return { r2: 1 - squares / spread, mae: sizes / n, rmse: Math.sqrt(squares / n), n };
}

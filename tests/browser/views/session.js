// A session for the tests of the views: numbers of closed forms, known to the tests as well.

const sigmoid = (z) => 1 / (1 + Math.exp(-z));
/** The net's output: a disc around the origin, of radius 2, and what the third column adds. */
export const output = ([a, b, c = 0]) => sigmoid(4 - a * a - b * b + c);
/** What neuron `unit` says. */
export const neuron = ([a, b], unit) => Math.tanh(unit % 2 ? a - unit / 4 : b + unit / 4);

const OUTPUTS = {
  numbers: (x) => [8 * output(x) - 2],
  logits: (x) => [Math.log(output(x) / (1 - output(x)))],
  probabilities: (x) => [1 - output(x), output(x)],
};

const filled = (n, f) => Float32Array.from({ length: n }, (_, i) => f(i));

function rowsOf({ n, columns, problem }) {
  const x = filled(
    n * columns,
    (i) => 2.4 * Math.sin(1.7 * i + 0.3 * (i % columns) + 0.01 * i * i),
  );
  const row = (i) => x.subarray(i * columns, (i + 1) * columns);
  const value = (i) =>
    problem === "classification" ? Number(output(row(i)) > 0.5) : 8 * output(row(i)) - 2;
  return {
    names: ["x1", "x2", "income", "age"].slice(0, columns),
    target: "y",
    classes: problem === "classification" ? ["outside", "inside"] : null,
    n,
    x,
    y: filled(n, value),
    trains: Uint8Array.from({ length: n }, (_, i) => Number(i % 3 > 0)),
    ranges: Array.from({ length: columns }, () => [-3, 3]),
  };
}

function gridOf(side, columns, held, f) {
  const outputs = f([...held]).length;
  const values = new Float32Array(side * side * outputs);
  for (let i = 0; i < side * side; i++) {
    const x = [...held];
    x[columns[0]] = -3 + (6 * ((i % side) + 0.5)) / side;
    x[columns[1]] = 3 - (6 * (Math.floor(i / side) + 0.5)) / side;
    values.set(f(x), i * outputs);
  }
  return {
    side,
    columns,
    ranges: [
      [-3, 3],
      [-3, 3],
    ],
    outputs,
    values,
    held,
  };
}

const bowl = (a, b) => 0.2 + a * a + 2 * b * b;

function lossPlane(side) {
  const axis = filled(side, (i) => -1 + (2 * i) / (side - 1));
  const losses = filled(side * side, (i) => bowl(axis[i % side], axis[Math.floor(i / side)]));
  return { a: axis, b: axis, losses };
}

const pathOf = (k, angle) =>
  filled(
    2 * k,
    (i) => 0.9 * Math.exp(-Math.floor(i / 2) / 8) * (i % 2 ? Math.sin(angle) : Math.cos(angle)),
  );

/** A session of `given`: `problem`, `n` rows, `columns`, and what is to go wrong. */
export function sessionOf({
  problem = "classification",
  n = 400,
  columns = 2,
  broken = null,
  layers = 2,
  logits = false,
  hasServer = false,
}) {
  const rows = rowsOf({ n, columns, problem });
  const outputs = problem === "regression" ? "numbers" : logits ? "logits" : "probabilities";
  const out = OUTPUTS[outputs];
  const session = {
    calls: [],
    asked: [],
    rows: () => rows,
    names: [
      { name: "0.W", shape: [4, 2], offset: 0 },
      { name: "0.b", shape: [4], offset: 8 },
      { name: "2.W", shape: [2, 4], offset: 12 },
    ],
    state: {
      data: { kind: "circle", problem },
      loss: logits ? "SigmoidBinaryCrossEntropyLoss" : "CrossEntropyLoss",
      inputs: ["x1", "x2"],
      layers: Array.from({ length: layers }, (_, i) => ({
        units: 4,
        activation: i ? "ReLU" : "Tanh",
      })),
      optimizer: { name: "SGD", learning_rate: 0.03 },
      view: { test: true, discretize: false },
      seed: 0,
    },
    set(part) {
      session.calls.push(part);
      session.state = { ...session.state, ...part };
    },
    server: hasServer && { doctor: async ({ weights }) => [findingOf(weights)] },
    goTo: async (step) => session.calls.push({ goTo: step }),
    async request(kind, options) {
      session.asked.push([kind, options]);
      if (broken === kind) throw new Error("out of luck");
      return answers[kind](options);
    },
    frame: (more) => frameOf(session, { problem, out, ...more }),
  };
  const answers = answersOf({ rows: () => rows, out, problem, columns, session });
  return session;
}

const findingOf = (weights) => ({
  name: "dead units",
  where: "layer 2",
  evidence: `${weights.length} weights`,
  advice: "try LeakyReLU",
});

function frameOf(
  session,
  { out, problem, epoch = 40, version = 1, bad = false, rowless = false, ...more },
) {
  const k = rowless ? 0 : epoch + 1;
  const held = session.rows().names.map((_, i) => (i > 1 ? 0.25 * i : 0));
  const columns = session.state.view.columns ?? [0, 1];
  const plane = gridOf(50, columns, held, bad ? (x) => out(x).map(() => NaN) : out);
  const losses = bad
    ? { train: NaN, test: NaN }
    : { train: 0.5 / (1 + epoch), test: 0.75 / (1 + epoch) };
  const score = problem === "classification" ? { accuracy: 0.925 } : { r2: 0.81 };
  return {
    step: epoch * 20,
    last: 1000,
    perEpoch: 20,
    epoch,
    batch: 0,
    playing: false,
    version,
    losses,
    metrics: { train: score, test: score },
    history: {
      epochs: filled(k, (i) => i),
      train: filled(k, (i) => (bad && i > 30 ? NaN : 0.5 / (1 + i))),
      test: filled(k, (i) => (bad && i > 30 ? NaN : 0.75 / (1 + i))),
    },
    parameters: filled(20, (i) => 1 + i / 10 + epoch / 1000),
    gradients: filled(20, () => 0.01),
    plane,
    failure: bad ? { epoch: 31, layer: 2 } : null,
    ...more,
  };
}

function answersOf({ rows, out, problem, session }) {
  const train = {
    matrix: [
      [50, 3],
      [2, 45],
    ],
  };
  const errors = { r2: 0.81, rmse: 0.5, mae: 0.4, n: rows().n };
  const held = () => rows().names.map((_, i) => (i > 1 ? 0.25 * i : 0));
  const at = (x, unit) => (unit === undefined ? out(x) : [neuron(x, unit)]);
  return {
    rows: () => rows(),
    plane: ({ side, unit }) => gridOf(side, [0, 1], held(), (x) => at(x, unit)),
    at: ({ x, unit }) => ({ outputs: at(x, unit) }),
    confusion: () =>
      problem === "classification"
        ? {
            train,
            test: {
              matrix: [
                [20, 5],
                [1, 24],
              ],
            },
          }
        : { train: errors, test: errors },
    hidden({ column, side = 9 }) {
      const { n, names, x, y, trains } = rows();
      const units = column ? 4 : 2;
      const f = (row) => filled(units, (unit) => (column ? neuron(row, unit) : row[unit]));
      const values = new Float32Array(n * units);
      for (let i = 0; i < n; i++) values.set(f(x.subarray(i * names.length)), i * units);
      return { column, units, n, values, y, trains, grid: gridOf(side, [0, 1], held(), f) };
    },
    activations: () =>
      session.state.layers.map(({ activation }, i) => ({
        column: i + 1,
        activation,
        units: 4,
        n: 10,
        // the first neuron is dead or saturated, by its activation
        values: filled(40, (j) => (j % 4 ? 0.3 : activation === "ReLU" ? 0 : 0.999)),
      })),
    ...experimentsOf({ out, held }),
    explain: ({ row: asked, of }, row = Math.max(0, Math.round(asked))) => ({
      row,
      forward: [
        {
          name: `y_${of.column}[${row},${of.unit}]`,
          formula: "y = tanh(x @ W.T + b)",
          numbers: "tanh(0.5·0.4 + (−0.25)·1.2 + 0.1)",
          result: "0",
        },
      ],
      backward: [
        { name: "dx", formula: "(1 - y ** 2) * dy", numbers: "(1 − 0 ^ 2) · 0.3", result: "0.3" },
      ],
    }),
  };
}

function experimentsOf({ out, held }) {
  return {
    model: () => ({ weights: filled(20, () => 1) }),
    change: () => ({ change: filled(20, (i) => (i < 12 ? 0.0005 : 0)) }),
    lossPlane: ({ side }) => ({
      ...lossPlane(side),
      steps: filled(20, (i) => 20 * i),
      path: pathOf(20, 0.7),
      here: [0.06, 0.05],
      shares: [0.8, 0.1],
    }),
    race({ racers, epochs }) {
      const each = racers.map((optimizer, i) => ({
        optimizer,
        train: filled(epochs + 1, (k) => (1 + i) / (2 + k)),
        test: filled(epochs + 1, (k) => (2 + i) / (2 + k)),
        path: pathOf(epochs + 1, 0.7 + i),
        failure: i === 2 ? { epoch: 7 } : null,
      }));
      return { epochs: filled(epochs + 1, (k) => k), racers: each, plane: lossPlane(25) };
    },
    seeds({ n, epochs }) {
      const seeds = Array.from({ length: n }, (_, i) => i);
      const curve = (i) => filled(epochs + 1, (k) => (1 + i / n) / (1 + k));
      const maps = seeds.map((i) => gridOf(20, [0, 1], held(), (x) => out([x[0] + i / n, x[1]])));
      return {
        seeds,
        epochs: filled(epochs + 1, (k) => k),
        train: seeds.map(curve),
        test: seeds.map(curve),
        accuracy: seeds.map((i) => 0.9 + i / 100),
        side: 20,
        ranges: maps[0].ranges,
        planes: maps.map(({ values }) => values),
        mean: maps[0].values,
        spread: maps[0].values.map((value) => value * (1 - value)),
      };
    },
  };
}

// Frame: a copy of the losses, weights and output maps at a step, for display.

const SIDES = { moving: { plane: 40, map: 16 }, still: { plane: 100, map: 24 } };
/** Number of units above which their maps are smaller. */
const MANY_UNITS = 160;

/** Create the frame of the current step. */
export function frameOf(loop) {
  const { training, planes, state, phase } = loop;
  const { model, step, epoch, batch, perEpoch } = training;
  const units = state.layers.reduce((sum, layer) => sum + layer.units, 0);
  const sides = SIDES[loop.isMoving ? "moving" : "still"];
  const point = training.point();
  return {
    step,
    epoch,
    batch,
    perEpoch,
    last: training.last,
    target: loop.target,
    version: loop.version,
    begun: loop.begun,
    engine: loop.remote?.isOn ? "native" : loop.engine,
    isNative: training.isNative,
    exact: training.isExact,
    playing: loop.isPlaying,
    losses: { ...point.losses, epoch: training.epochLoss },
    history: training.history.arrays(point),
    metrics: metricsOf(point.scores),
    parameters: model.parameters.slice(),
    gradients: (phase?.gradients ?? model.gradients).slice(),
    phase: phase && { way: phase.way, column: phase.column },
    maps: planes.maps(units > MANY_UNITS ? sides.map / 2 : sides.map),
    plane: planes.outputs(sides.plane),
    rate: loop.epochsPerSecond(),
    events: training.events,
    failure: training.failure && failureOf(training.failure, planes),
  };
}

/** Position where numbers became NaN or infinite, in columns of the diagram. */
function failureOf(failure, { shown }) {
  const column = shown.findIndex((layer) => layer >= failure.layer);
  return { ...failure, column: failure.layer === null ? null : column };
}

/** Metrics of training and test rows. */
function metricsOf(scores) {
  const of = (set) => Object.fromEntries(Object.entries(scores).map(([key, x]) => [key, x[set]]));
  return { train: of("train"), test: of("test") };
}

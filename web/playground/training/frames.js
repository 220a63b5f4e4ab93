// What a training shows of itself: the losses, the weights, the maps of the moment, all copied.

const SIDES = { moving: { plane: 40, map: 16 }, still: { plane: 100, map: 24 } };
/** With more units than this their maps are smaller. */
const MANY_UNITS = 160;

/** All that the page shows of the moment at which a conductor is. */
export function frameOf(conductor) {
  const { training, planes, state, phase } = conductor;
  const { model, step, epoch, batch, perEpoch } = training;
  const units = state.layers.reduce((sum, layer) => sum + layer.units, 0);
  const sides = SIDES[conductor.isMoving ? "moving" : "still"];
  const point = training.point();
  return {
    step,
    epoch,
    batch,
    perEpoch,
    last: training.last,
    version: conductor.version,
    begun: conductor.begun,
    engine: conductor.near?.isOn ? "native" : conductor.engine,
    isNative: training.isNative,
    exact: training.isExact,
    playing: conductor.isPlaying,
    losses: { ...point.losses, epoch: training.epochLoss },
    history: training.history.arrays(point),
    metrics: metricsOf(point.scores),
    parameters: model.parameters.slice(),
    gradients: (phase?.gradients ?? model.gradients).slice(),
    phase: phase && { way: phase.way, column: phase.column },
    maps: planes.maps(units > MANY_UNITS ? sides.map / 2 : sides.map),
    plane: planes.outputs(sides.plane),
    rate: conductor.epochsPerSecond(),
    events: training.events,
    failure: training.failure && failureOf(training.failure, planes),
  };
}

/** Where numbers stopped being finite, by the columns that the page shows. */
function failureOf(failure, { shown }) {
  const column = shown.findIndex((layer) => layer >= failure.layer);
  return { ...failure, column: failure.layer === null ? null : column };
}

/** Scores of training and test rows. */
function metricsOf(scores) {
  const of = (set) => Object.fromEntries(Object.entries(scores).map(([key, x]) => [key, x[set]]));
  return { train: of("train"), test: of("test") };
}

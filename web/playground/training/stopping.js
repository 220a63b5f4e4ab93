// The rules by which a training stops by itself: at an epoch, at a loss, after no better one.

/** Tells by the rules of a state when it is enough; keeps the lowest test loss for that. */
export class Stopping {
  constructor() {
    this.best = null;
  }

  /** Whether the rules of `stop` say to stop a training, asked between its steps. */
  of(training, stop) {
    if (!stop) return () => false;
    const begun = training.step;
    return () => {
      if (training.batch || training.step === begun) return false;
      if (stop.epoch && training.epoch === stop.epoch) return true;
      if (stop.loss === undefined && !stop.patience) return false;
      const { losses } = training.point();
      if (stop.loss !== undefined && losses.train <= stop.loss) return true;
      return Boolean(stop.patience) && this.isNoBetter(training, losses.test, stop.patience);
    };
  }

  /** Whether the test loss has not been lower than its lowest for so many epochs. */
  isNoBetter(training, loss, patience) {
    const { epoch } = training;
    if (!this.best || this.best.training !== training || this.best.epoch > epoch) {
      this.best = { training, loss: Infinity, epoch };
    }
    if (loss < this.best.loss) Object.assign(this.best, { loss, epoch });
    return epoch - this.best.epoch >= patience;
  }
}

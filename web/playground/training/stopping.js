// Stopping rules: at an epoch, at a loss, or early stopping by the test loss.

/** Stopping rules of a state; stores the lowest test loss. */
export class Stopping {
  constructor() {
    this.best = null;
  }

  /** Test if a rule of `stop` applies; called between steps. */
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

  /** Test if the test loss has not improved for `patience` epochs. */
  isNoBetter(training, loss, patience) {
    const { epoch } = training;
    if (!this.best || this.best.training !== training || this.best.epoch > epoch) {
      this.best = { training, loss: Infinity, epoch };
    }
    if (loss < this.best.loss) Object.assign(this.best, { loss, epoch });
    return epoch - this.best.epoch >= patience;
  }
}

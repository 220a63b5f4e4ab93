"""The optimizers broken: what, where, the text before and after, and the test that notices."""

from tests.mutants.run import Mutant

STEPS = "tests/oracle/test_stored.py::test_an_optimizer_takes_pytorchs_steps"
RATES = "tests/oracle/test_stored.py::test_a_schedule_gives_pytorchs_learning_rates"
SGD, ADAPTIVE, ADAM = "optimizers/sgd.py", "optimizers/adaptive.py", "optimizers/adam.py"
LION, SHARED = "optimizers/lion.py", "optimizers/optimizer.py"
GROUPS, UPDATE = "optimizers/steps.py", "engines/compiled/update.py"

MUTANTS = [
    Mutant(
        "SGD: the velocity forgets the gradient's weight",
        SGD,
        "v = self.momentum * v + dw",
        "v = self.momentum * v + (1 - self.momentum) * dw",
        f"{STEPS}[eager-SGD with momentum]",
    ),
    Mutant(
        "SGD: Nesterov does not look ahead",
        SGD,
        "if self.nesterov else v",
        "if False else v",
        f"{STEPS}[eager-SGD with Nesterov's momentum]",
    ),
    Mutant(
        "SGD: plain gradient descent remembers a velocity",
        SGD,
        '("v",) if momentum else ()',
        '("v",)',
        "tests/contracts/test_optimizers.py::test_plain_gradient_descent_remembers_nothing",
    ),
    Mutant(
        "Adagrad: forgets",
        ADAPTIVE,
        "s = s + dw**2",
        "s = 0.99 * s + dw**2",
        f"{STEPS}[eager-Adagrad]",
    ),
    Mutant(
        "RMSprop: shares exchanged",
        ADAPTIVE,
        "self.alpha * s + (1 - self.alpha) * dw**2",
        "(1 - self.alpha) * s + self.alpha * dw**2",
        f"{STEPS}[eager-RMSprop]",
    ),
    Mutant(
        "Adam: the mean of the first steps is too small",
        ADAM,
        "m_hat = m / (1 - self.beta1**step)",
        "m_hat = m",
        f"{STEPS}[eager-Adam]",
    ),
    Mutant(
        "Adam: steps counted from 0",
        ADAM,
        "m_hat = m / (1 - self.beta1**step)",
        "m_hat = m / (1 - self.beta1**(step + 1))",
        f"{STEPS}[compiled-Adam]",
    ),
    Mutant(
        "AdamW: the decay is added to the gradient",
        ADAM,
        "    decoupled = True\n",
        "    decoupled = False\n",
        f"{STEPS}[eager-AdamW]",
    ),
    Mutant(
        "NAdam: the momentum of this step for that of the next",
        ADAM,
        "(step + 1) * self.momentum_decay",
        "step * self.momentum_decay",
        f"{STEPS}[eager-NAdam]",
    ),
    Mutant(
        "NAdam: the product begins anew",
        ADAM,
        "q = 1 - (1 - q) * mu",
        "q = 1 - mu + 0 * q",
        f"{STEPS}[eager-NAdam]",
    ),
    Mutant(
        "Lion: the memory for the direction",
        LION,
        "np.sign(c)",
        "np.sign(m)",
        f"{STEPS}[eager-Lion]",
    ),
    Mutant(
        "weight decay: a sign flipped",
        SHARED,
        "dw = dw + self.weight_decay * w",
        "dw = dw - self.weight_decay * w",
        f"{STEPS}[compiled-SGD]",
    ),
    Mutant(
        "clipping: short gradients are stretched",
        SHARED,
        "np.minimum(1, self.clip_norm / (dw_norm + 1e-6)) * dw",
        "self.clip_norm / (dw_norm + 1e-6) * dw",
        f"{STEPS}[eager-clipped by norm]",
    ),
    Mutant(
        "clipping: cut on one side only",
        SHARED,
        "np.clip(dw, -self.clip_value, self.clip_value)",
        "np.minimum(dw, self.clip_value)",
        f"{STEPS}[eager-clipped by value]",
    ),
    Mutant(
        "clipping: the length of no part at all",
        GROUPS,
        "for group in groups for part in group.slices)",
        "for group in groups for part in group.slices[:0])",
        f"{STEPS}[eager-clipped by norm]",
    ),
    Mutant(
        "machine code clips by the square of the length",
        UPDATE,
        'Call("sqrt", (total,), "double")',
        "total",
        f"{STEPS}[compiled-clipped by norm]",
    ),
    Mutant(
        "groups: the factor of the learning rate is dropped",
        UPDATE,
        "if update.factor != 1:",
        "if False:",
        f"{STEPS}[compiled-groups]",
    ),
    Mutant(
        "groups: the first pattern wins",
        GROUPS,
        'group.get("weight_decay", settings[1])',
        "settings[1]",
        f"{STEPS}[eager-groups]",
    ),
    Mutant(
        "schedules: progress counted in epochs",
        "training/learning_rates.py",
        "progress = steps / (self.epochs * self.batches)",
        "progress = (steps // self.batches) / self.epochs",
        "tests/training/test_schedules.py::test_every_step_has_its_own_learning_rate[eager]",
    ),
    Mutant(
        "schedules: a cycle begins a step late",
        "schedules.py",
        "np.asarray(progress) + ROUNDING, side",
        "np.asarray(progress) - ROUNDING, side",
        f"{RATES}[eager-CosineAnnealingWarmRestarts]",
    ),
    Mutant(
        "schedules: the schedule after the warm-up began with it",
        "schedules.py",
        "rest(np.maximum(0.0, progress - share) / (1 - share))",
        "rest(progress)",
        f"{RATES}[eager-LinearLR, then CosineAnnealingLR]",
    ),
    Mutant(
        "reduce_on_plateau: epochs are not counted anew",
        "training/reduce_on_plateau.py",
        "min(optimizer.learning_rate, rate), 0",
        "min(optimizer.learning_rate, rate), worse",
        "tests/training/test_reduce_on_plateau.py::test_it_falls_after_more_than_patience_epochs",
    ),
    Mutant(
        "find_learning_rate: trains the net itself",
        "training/find_learning_rate.py",
        "copy.deepcopy(net)\n",
        "net\n",
        "tests/training/test_find_learning_rate.py::test_everything_stays_as_it_is",
    ),
    Mutant(
        "machine code takes every step at the epoch's first rate",
        UPDATE,
        'Call("subtract", (count, before), "int")',
        "whole(0)",
        "tests/training/test_schedules.py::test_every_step_has_its_own_learning_rate[compiled]",
    ),
]

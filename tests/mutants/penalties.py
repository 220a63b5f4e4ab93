"""Penalties and L-BFGS broken: what, where, the text before and after, the test that notices."""

from tests.mutants.run import Mutant

CONTRACTS = "tests/contracts/test_penalties.py::"
MINIMIZE = "tests/training/test_minimize.py::"
COMPILED = "tests/engines/test_compiled.py::test_every_penalty"
PAGES, SCIPY = "penalties.py", "training/minimize.py"

MUTANTS = [
    Mutant(
        "L2Penalty: the half forgotten",
        PAGES,
        "self.alpha / 2 * (W**2).sum()",
        "self.alpha * (W**2).sum()",
        f"{CONTRACTS}test_the_gradient_is_what_small_steps_measure[L2Penalty]",
    ),
    Mutant(
        "L1Penalty: the weight for its sign",
        PAGES,
        "return self.alpha * np.sign(W)",
        "return self.alpha * W",
        f"{CONTRACTS}test_the_gradient_is_what_small_steps_measure[L1Penalty]",
    ),
    Mutant(
        "ElasticNetPenalty: the shares exchanged",
        PAGES,
        "(self.l1_ratio * np.sign(W) + (1 - self.l1_ratio) * W)",
        "((1 - self.l1_ratio) * np.sign(W) + self.l1_ratio * W)",
        f"{CONTRACTS}test_the_gradient_is_what_small_steps_measure[ElasticNetPenalty]",
    ),
    Mutant(
        "penalty: biases cost too",
        PAGES,
        "if W.ndim > 1:",
        "if W.ndim > 0:",
        f"{CONTRACTS}test_a_recorded_step_has_it_in_its_loss_and_gradients[L2Penalty]",
    ),
    Mutant(
        "penalty: frozen weights cost too",
        PAGES,
        "part.param_names if part.trainable else ()",
        "part.param_names",
        "tests/training/test_minimize.py::test_a_penalty_looks_at_what_is_trained",
    ),
    Mutant(
        "penalty: not in the eager loss",
        "engines/eager.py",
        "loss += float(self.penalty.add_to(self.net, counted))",
        "self.penalty.add_to(self.net, counted)",
        f"{COMPILED}[float64-False-L2Penalty]",
    ),
    Mutant(
        "penalty: counts rows, not their weights",
        "graph/trace.py",
        "n = sum(weights.sum() for weights in w.values()) if w else len(y)",
        "n = len(y)",
        f"{COMPILED}[float64-True-one's own]",
    ),
    Mutant(
        "L-BFGS: the settings of SciPy",
        SCIPY,
        '"maxcor": given.history_size,',
        '"maxcor": 1,',
        f"{MINIMIZE}test_each_report_is_an_iteration_of_scipys[eager]",
    ),
    Mutant(
        "L-BFGS: no limit of evaluations",
        SCIPY,
        "given.max_eval or np.iinfo(np.int32).max",
        "np.iinfo(np.int32).max",
        f"{MINIMIZE}test_the_end_is_told",
    ),
    Mutant(
        "L-BFGS: the net stays where SciPy tried last",
        SCIPY,
        "        self.thread.join()\n        self._put_back()\n",
        "        self.thread.join()\n",
        f"{MINIMIZE}test_a_wrong_gradient_ends_it_where_it_began",
    ),
    Mutant(
        "L-BFGS: what is done to the net after a break is undone",
        "training/train.py",
        "put_back=not isinstance(error, GeneratorExit)",
        "put_back=True",
        f"{MINIMIZE}test_what_is_done_to_the_net_after_a_break_stays",
    ),
    Mutant(
        "L-BFGS: SciPy is never left",
        SCIPY,
        "        if self.thread.is_alive():\n            self.left",
        "        if False:\n            self.left",
        f"{MINIMIZE}test_break_leaves_the_net_where_it_was_reported",
    ),
    Mutant(
        "L-BFGS: a loss that changes by chance is taken",
        SCIPY,
        "if self.last is None and self._evaluated(weights).loss != found.loss:",
        "if False:",
        f"{MINIMIZE}test_a_loss_that_changes_by_chance_is_refused[eager]",
    ),
    Mutant(
        "L-BFGS: in batches",
        "training/train.py",
        "            batch_size = len(rows.y)\n",
        "            pass\n",
        f"{MINIMIZE}test_the_batch_size_does_not_matter[eager]",
    ),
]

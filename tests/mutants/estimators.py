"""The estimators broken: what, where, the text before and after, the test that must notice."""

from tests.mutants.run import Mutant

TESTS = "tests/estimators/"
PARITY, HABITS = f"{TESTS}test_parity.py::", f"{TESTS}test_habits.py::"
BEYOND = f"{TESTS}test_beyond.py::"
PAGES, ENGINES = f"{TESTS}test_pages.py::", f"{TESTS}test_engines.py::"
SOURCE = "estimators/"
NETS = f"{SOURCE}nets.py"
EPOCHS, LOSSES, NET = f"{SOURCE}epochs.py", f"{SOURCE}losses.py", f"{SOURCE}perceptron.py"
TASKS = f"{PARITY}test_every_solver_fits_every_task_alike"
POLICIES = f"{PARITY}test_every_policy_of_the_learning_rate_steps_and_stops_alike"

MUTANTS = [
    Mutant(
        "LogLoss: not clipped",
        LOSSES,
        "average(-np.log(clipped(self.p[np.arange(len(y)), y])), w)",
        "average(-np.log(self.p[np.arange(len(y)), y] + 1e-300), w)",
        f"{PAGES}test_certain_errors_cost_no_more_than_the_type_can_tell[float64]",
    ),
    Mutant(
        "BinaryLogLoss: columns averaged",
        LOSSES,
        "average(-np.log(np.where(self.y > 0, p, 1 - p)).sum(axis=1), w)",
        "average(-np.log(np.where(self.y > 0, p, 1 - p)).mean(axis=1), w)",
        f"{PAGES}test_they_are_the_textbooks_but_for_a_factor",
    ),
    Mutant(
        "BinaryLogLoss: certain probabilities",
        LOSSES,
        "return np.clip(p, np.finfo(p.dtype).tiny, np.nextafter(p.dtype.type(1), p.dtype.type(0)))",
        "return p",
        f"{HABITS}test_probabilities_of_labels_are_never_quite_certain",
    ),
    Mutant(
        "HalfSquaredLoss: the half forgotten",
        LOSSES,
        "return average(self.e**2, w) / 2",
        "return average(self.e**2, w)",
        f"{PAGES}test_they_are_the_textbooks_but_for_a_factor",
    ),
    Mutant(
        "HalfSquaredLoss: its own derivative",
        LOSSES,
        "return self.e * shares(self.w, self.e[:, :1])",
        "return self.e * shares(self.w, self.e)",
        f"{PAGES}test_squares_have_the_gradient_of_their_sum_over_the_columns",
    ),
    Mutant(
        "HalfPoissonDeviance: without the counts' own term",
        LOSSES,
        "np.where(self.y > 0, self.y, 1)) - self.y",
        "np.where(self.y > 0, self.y, 1))",
        f"{TASKS}[counts-adam-False]",
    ),
    Mutant(
        "the penalty not shared among the rows",
        LOSSES,
        "return self.alpha / n * W",
        "return self.alpha * W",
        f"{PAGES}test_the_penalty_is_that_of_the_textbook_for_each_row",
    ),
    Mutant(
        "batches count as their weights, eagerly",
        "engines/eager.py",
        'w is not None and loss.batches_count == "weights"',
        "w is not None",
        f"{PARITY}test_every_engine_fits_alike[classes-adam-eager]",
    ),
    Mutant(
        "batches count as their weights, compiled",
        "engines/compiled/totals.py",
        'if by == "rows" or "w" not in',
        'if "w" not in',
        f"{PARITY}test_every_engine_fits_alike[labels-sgd-compiled]",
    ),
    Mutant(
        "an epoch divided by its weights, compiled",
        "engines/compiled/engine.py",
        'w is not None and loss.batches_count == "weights"',
        "w is not None",
        f"{PARITY}test_every_engine_fits_alike[labels-sgd-compiled]",
    ),
    Mutant(
        "SGDSolver: the rate outside the velocity",
        f"{SOURCE}solvers.py",
        "w + (self.momentum * v - learning_rate * dw if self.nesterov else v), v",
        "w + (v if self.nesterov else v), v",
        f"{PAGES}test_a_constant_rate_makes_sgd_that_of_the_textbook[True]",
    ),
    Mutant(
        "AdamSolver: the bias of the mean square stays",
        f"{SOURCE}solvers.py",
        "learning_rate * (1 - self.beta_2**step) ** 0.5 /",
        "learning_rate /",
        f"{PAGES}test_without_epsilon_adam_is_that_of_the_textbook",
    ),
    Mutant(
        "weights drawn wider for logistic",
        NETS,
        "(2.0 if logistic else 6.0)",
        "6.0",
        f"{PARITY}test_every_activation_begins_and_learns_alike[logistic-adam]",
    ),
    Mutant(
        "biases drawn as zeros",
        NETS,
        "linear.b = random_state.uniform(-bound, bound, n_out)",
        "pass",
        f"{PARITY}test_every_activation_begins_and_learns_alike[relu-adam]",
    ),
    Mutant(
        "weights of classes in place of those of rows",
        f"{SOURCE}rows.py",
        "return self.w * self.of_class",
        "return self.of_class",
        f"{BEYOND}test_weights_of_classes_multiply_those_of_rows[balanced-adam-eager]",
    ),
    Mutant(
        "one layer for all hidden ones",
        f"{SOURCE}nets.py",
        "return [copy.deepcopy(given)]",
        "return [given]",
        f"{BEYOND}test_a_layer_of_ones_own_is_copied_for_each_hidden_layer[eager]",
    ),
    Mutant(
        "dropout by chance alone",
        NET,
        "self.net_.seed(int(self._random_state.randint(2**31 - 1)))",
        "self.net_.seed(None)",
        f"{BEYOND}test_dropout_is_repeated_by_the_same_random_state[eager]",
    ),
    Mutant(
        "replaced weights not seen",
        NET,
        "if not _same_memory(coef, linear.W.T):",
        "if False:",
        f"{HABITS}test_the_weights_are_views_and_may_be_replaced",
    ),
    Mutant(
        "a pickle's weights are copies",
        NET,
        "        super().__setstate__(state)\n        if",
        "        super().__setstate__(state)\n        self._show_weights()\n"
        "        self.coefs_ = [c.copy() for c in self.coefs_]\n        if not",
        f"{HABITS}test_copies_predict_the_same_and_go_on_alone",
    ),
    Mutant(
        "lbfgs in float32",
        NET,
        "self._current_net().dtype != np.float64",
        "self._current_net().dtype is None",
        f"{PARITY}test_float32_keeps_the_types_that_scikit_learn_keeps[classes-lbfgs]",
    ),
    Mutant(
        "each order drawn from the first",
        EPOCHS,
        "self.order = self.order[drawn]",
        "self.order = drawn",
        f"{TASKS}[classes-adam-False]",
    ),
    Mutant(
        "invscaling counts from the next row",
        EPOCHS,
        "(rows + 1.0) ** m.power_t",
        "(rows + 2.0) ** m.power_t",
        f"{POLICIES}[invscaling-False-eager]",
    ),
    Mutant(
        "invscaling an epoch early",
        EPOCHS,
        "[steps.learning_rate, *of_epochs[:-1]]",
        "of_epochs",
        f"{POLICIES}[invscaling-False-compiled]",
    ),
    Mutant(
        "adaptive rates not lowered",
        EPOCHS,
        "steps.learning_rate /= 5.0",
        "steps.learning_rate /= 1.0001",
        f"{POLICIES}[adaptive-False-eager]",
    ),
    Mutant(
        "epochs run past the stop",
        EPOCHS,
        "int(max(1, min(at_once, before_it_may_stop)))",
        "int(max(1, at_once))",
        f"{ENGINES}test_a_fit_never_runs_past_the_epoch_at_which_it_may_stop",
    ),
    Mutant(
        "stops an epoch late",
        EPOCHS,
        "m._no_improvement_count > m.n_iter_no_change and",
        "m._no_improvement_count > m.n_iter_no_change + 1 and",
        f"{PARITY}test_it_stops_at_the_same_epoch_when_nothing_improves[eager]",
    ),
    Mutant(
        "the best score's weights not put back",
        EPOCHS,
        "        m.net_.parameters[...] = m._best_parameters\n",
        "        pass\n",
        f"{PARITY}test_early_stopping_keeps_the_same_best_weights[classes-False]",
    ),
    Mutant(
        "scores without the weights of rows",
        f"{SOURCE}classifier.py",
        "np.average(right, weights=w)",
        "np.average(right)",
        f"{PARITY}test_early_stopping_keeps_the_same_best_weights[labels-True]",
    ),
    Mutant(
        "rows held out whatever their class",
        f"{SOURCE}classifier.py",
        "return y if self.n_outputs_ == 1 else None",
        "return None",
        f"{PARITY}test_early_stopping_keeps_the_same_best_weights[binary-False]",
    ),
    Mutant(
        "what the solver remembers is lost",
        EPOCHS,
        "            self.engine.optimizer_state = self.steps.state\n",
        "            pass\n",
        f"{PARITY}test_partial_fit_goes_on_alike[number-adam-eager]",
    ),
    Mutant(
        "the steps are counted anew",
        EPOCHS,
        "self.engine.step[0] = self.steps.step",
        "self.engine.step[0] = 0",
        f"{PARITY}test_partial_fit_goes_on_alike[number-adam-compiled]",
    ),
    Mutant(
        "a diverged fit leaves what it came to",
        EPOCHS,
        "                    self.engine.put_back()\n",
        "",
        f"{HABITS}test_a_fit_that_diverges_leaves_the_weights_of_its_last_whole_epoch",
    ),
    Mutant(
        "a penalty of one fit for all",
        "engines/sharing_recordings.py",
        "        key = (*map(_alike, pages), *others)",
        "        key = (*map(_alike, pages[:3]), *others)",
        f"{ENGINES}test_what_was_compiled_serves_other_rows_of_the_form",
    ),
    Mutant(
        "what was made for fits is not kept",
        f"{SOURCE}engines.py",
        "with sharing_recordings(self.made):",
        "with sharing_recordings():",
        f"{ENGINES}test_what_was_compiled_serves_other_rows_of_the_form",
    ),
    Mutant(
        "gains forgotten",
        f"{SOURCE}engines.py",
        "self.gains.pop(form, 0.0) + gain",
        "gain",
        f"{ENGINES}test_a_form_of_fit_is_compiled_once_it_pays",
    ),
    Mutant(
        "sparse rows dense at once",
        f"{SOURCE}rows.py",
        "return rows if n * width * np.dtype(dtype).itemsize > MOST_AT_ONCE else rows[:]",
        "return rows[:]",
        f"{ENGINES}test_sparse_rows_become_dense_a_batch_at_a_time",
    ),
]

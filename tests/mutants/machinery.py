"""What is around the pages broken, from buffers to gradient check; and the test that notices."""

from tests.mutants.run import Mutant

ON_PAPER = "tests/worked_examples/test_gradient_check.py::"
TANH_NET = "tests/worked_examples/test_tanh_softmax_cross_entropy.py::"
RELU_NET = "tests/worked_examples/test_relu_squared_error.py::"
TRAINING = "tests/worked_examples/test_training.py::"
INITIALIZERS = "tests/worked_examples/test_initializers.py::"
LAYERS = "tests/contracts/test_layers.py::"
OF_TRAIN = "tests/oracle/test_stored.py::test_train_takes_pytorchs_steps_and_reports_its_losses"
REFUSALS = (
    "tests/graph/test_refusals.py::test_a_page_that_cannot_be_recorded_is_refused_with_its_line"
)
STEP = "tests/optimizers/test_step.py::"
GRADIENT_CHECK = "tests/proof/test_gradient_check.py::"

BUFFERS = "engines/buffers.py"
EAGER = "engines/eager.py"
TRAIN = "training/train.py"
EARLY_STOPPING = "training/early_stopping.py"
TAPE = "graph/tape.py"

MACHINERY = [
    Mutant(
        "live plot: a short training replayed with the weights of its end",
        "plots/live_plot.py",
        "self.kept.append((net.parameters.copy(), net.running_state.copy()))",
        "self.kept.append((net.parameters, net.running_state))",
        "tests/plots/test_live_plot.py::test_in_a_file_each_epoch_of_a_short_training_is_there_once",
    ),
    Mutant(
        "live plot: a long training replayed",
        "plots/live_plot.py",
        "n > MOST_EPOCHS or",
        "False or",
        "tests/plots/test_live_plot.py::"
        "test_epochs_of_a_long_training_are_drawn_when_a_tenth_of_the_time_allows",
    ),
    Mutant(
        "live plot: frames of a GIF in the order of their drawing",
        "plots/screens.py",
        "sorted(self.frames, key=lambda frame: frame[0])",
        "self.frames",
        "tests/plots/test_screens.py::test_a_gif_shows_the_epochs_in_their_order",
    ),
    Mutant(
        "sets: the last set steers",
        "training/train.py",
        "self.validated = next(iter(sets), None)",
        "self.validated = next(iter([*sets][-1:]), None)",
        "tests/training/test_sets.py::test_the_first_set_steers_early_stopping",
    ),
    Mutant(
        "history: a set whose name begins as another's takes its columns",
        "training/history.py",
        "sorted(names, key=len, reverse=True)",
        "sorted(names, key=len)",
        "tests/training/test_sets.py::test_names_that_begin_alike_come_back_as_they_were",
    ),
    Mutant(
        "initializers: 1/n_in for its root",
        "initializers.py",
        "rng.normal(0, 1.0 / np.sqrt(shape[1]), shape)",
        "rng.normal(0, 1.0 / shape[1], shape)",
        "tests/story/test_seed.py::test_every_figure_of_the_seed",
    ),
    Mutant(
        "initializers: n_out for n_in",
        "initializers.py",
        "np.sqrt(2.0 / shape[1])",
        "np.sqrt(2.0 / shape[0])",
        f"{INITIALIZERS}test_he_normal_has_the_root_of_two_over_the_inputs",
    ),
    Mutant(
        "initializers: n_out forgotten",
        "initializers.py",
        "np.sqrt(6.0 / (shape[0] + shape[1]))",
        "np.sqrt(6.0 / shape[1])",
        f"{INITIALIZERS}test_xavier_uniform_reaches_the_root_of_six_over_inputs_and_outputs",
    ),
    Mutant(
        "metrics: r2 of the whole, not of each target",
        "metrics/numbers.py",
        "return float((1 - residual / total).mean())",
        "return float(1 - residual.sum() / total.sum())",
        "tests/oracle/test_sklearn.py::test_losses_and_metrics_of_numbers_are_scikit_learns",
    ),
    Mutant(
        "update: a sign flipped",
        "layers/layer.py",
        "parameter -= learning_rate * gradient",
        "parameter += learning_rate * gradient",
        f"{TANH_NET}test_one_update_gives_the_weights_on_paper",
    ),
    Mutant(
        "update: a frozen layer moves",
        "layers/layer.py",
        "            if layer.trainable\n",
        "",
        f"{RELU_NET}test_a_frozen_layer_stays_and_the_other_moves_as_on_paper[False-float32]",
    ),
    Mutant(
        "layer: assigning to W takes it out of the buffer",
        "layers/layer.py",
        "                current[...] = value\n                return\n",
        "                pass\n",
        f"{LAYERS}test_assignment_copies_into_the_flat_buffer[Linear]",
    ),
    Mutant(
        "net: backward begins at the first layer",
        "net.py",
        "reversed(range(len(self.layers)))",
        "range(len(self.layers))",
        f"{TANH_NET}test_one_update_gives_the_weights_on_paper",
    ),
    Mutant(
        "Residual: the way past the layers dropped backward",
        "branches.py",
        "return dy + super().backward(dy)",
        "return super().backward(dy)",
        "tests/contracts/test_layers.py::test_gradients_are_right[0-Residual]",
    ),
    Mutant(
        "Residual: the input not added",
        "branches.py",
        "return x + y",
        "return y",
        "tests/oracle/test_stored.py::test_a_layers_output_and_gradients_are_pytorchs[Residual]",
    ),
    Mutant(
        "Parallel: only the last branch goes back",
        "branches.py",
        "total = total + part",
        "total = part",
        "tests/contracts/test_layers.py::test_gradients_are_right[0-Parallel]",
    ),
    Mutant(
        "Parallel: every branch gets the first part",
        "branches.py",
        "parts = [dy[:, a:b] for a, b in pairwise(ends)]",
        "parts = [dy[:, : b - a] for a, b in pairwise(ends)]",
        "tests/contracts/test_layers.py::test_gradients_are_right[0-Parallel]",
    ),
    Mutant(
        "Parallel: a sum that broadcasts let through",
        "branches.py",
        '        _check_alike(parts, "out of the branches", repr(self))\n',
        "",
        "tests/test_branches.py::test_what_would_be_broadcast_is_refused",
    ),
    Mutant(
        "Parallel: summed up layer after layer",
        "branches.py",
        "    def _next_input(self, x: Any, y: Any) -> Any:\n        return x",
        "    def _next_input(self, x: Any, y: Any) -> Any:\n        return y",
        "tests/test_branches.py::test_a_summary_gives_every_branch_the_same_input",
    ),
    Mutant(
        "concatenate: every part at the beginning",
        "engines/compiled/moves.py",
        "start = plus(start, extent(shape[axis]))",
        "start = whole(0)",
        "tests/engines/test_compiled.py::test_every_layer[3-float64-Parallel]",
    ),
    Mutant(
        "buffers: the view lost in a deepcopy",
        BUFFERS,
        "            layer.__dict__[name] = view\n",
        "            layer.__dict__[name] = view.copy()\n",
        f"{LAYERS}test_copies_are_equal_and_independent_and_keep_their_views[deepcopy-Linear]",
    ),
    Mutant(
        "buffers: gradients not gathered",
        BUFFERS,
        "                view[...] = layer.gradient(name)\n",
        "",
        f"{OF_TRAIN}[sigmoid, squared error]",
    ),
    Mutant(
        "buffers: a frozen layer moves",
        BUFFERS,
        "            if not layer.trainable:\n                continue\n            if joined",
        "            if joined",
        f"{RELU_NET}test_a_layer_frozen_after_a_step_does_not_go_on_along_that_steps_gradient",
    ),
    Mutant(
        "page: a copy keeps the last batch",
        "page.py",
        "(name in kept or not isinstance(value, np.ndarray))",
        "True",
        f"{LAYERS}test_a_pickle_leaves_the_last_batch_behind[Tanh]",
    ),
    Mutant(
        "engine: the running loss not weighted by rows",
        EAGER,
        "(counted if self.by_weights else len(rows))",
        "(counted if self.by_weights else 1)",
        f"{TRAINING}test_the_running_loss_of_an_epoch_counts_every_row_once",
    ),
    Mutant(
        "engine: targets in another order than inputs",
        EAGER,
        "self.loss.forward(p, self.y[rows], *weights)",
        "self.loss.forward(p, self.y[batch], *weights)",
        f"{TRAINING}test_each_epoch_visits_every_row_once_with_its_target_in_an_order_of_its_own",
    ),
    Mutant(
        "engine: the new weights not written",
        "optimizers/steps.py",
        "target[...] = value",
        "pass",
        f"{OF_TRAIN}[leaky relu, absolute error]",
    ),
    Mutant(
        "step: always the first",
        "optimizers/optimizer.py",
        "        memory.steps += 1\n",
        "",
        f"{STEP}test_a_loop_by_hand_takes_the_steps_of_train[float32-Adam]",
    ),
    Mutant(
        "step: a copy shares what is remembered",
        "optimizers/steps.py",
        '{"state": [array.copy() for array in self.state], "net": None}',
        '{"net": None}',
        f"{STEP}test_a_copy_goes_on_by_itself[copy]",
    ),
    Mutant(
        "step: another net goes on with this one's memory",
        "optimizers/steps.py",
        "if known is not net or",
        "if",
        f"{STEP}test_another_net_is_refused",
    ),
    Mutant(
        "train: every epoch in the same order",
        TRAIN,
        "self.generator.shuffle(order)",
        "order[...] = np.random.default_rng(0).permutation(len(order))",
        f"{TRAINING}test_each_epoch_visits_every_row_once_with_its_target_in_an_order_of_its_own",
    ),
    Mutant(
        "train: diverged weights remain",
        TRAIN,
        "self.engine.put_back()",
        "pass",
        f"{TRAINING}test_where_training_diverges_the_weights_before_the_epoch_remain",
    ),
    Mutant(
        "early stopping: the best weights not put back",
        EARLY_STOPPING,
        "best.net.load_state(best.weights)",
        "pass",
        f"{TRAINING}test_early_stopping_ends_and_goes_back_to_the_best_weights[losses0-4-2]",
    ),
    Mutant(
        "early stopping: an epoch too late",
        EARLY_STOPPING,
        "best.waited < patience",
        "best.waited <= patience",
        f"{TRAINING}test_early_stopping_ends_and_goes_back_to_the_best_weights[losses0-4-2]",
    ),
    Mutant(
        "early stopping: an equal epoch taken for a better",
        EARLY_STOPPING,
        "badness < self.badness or",
        "badness <= self.badness or",
        f"{TRAINING}test_early_stopping_ends_and_goes_back_to_the_best_weights[losses0-4-2]",
    ),
    Mutant(
        "recorder: a stale view read",
        TAPE,
        "leaf.base is not None and leaf.base.version != leaf.base_version",
        "False",
        f"{REFUSALS}[read_of_a_stale_view]",
    ),
    Mutant(
        "recorder: a promotion to float64 let pass",
        TAPE,
        "if np.dtype(np.float32) in dtypes:",
        "if False:",
        f"{REFUSALS}[float64_scalar]",
    ),
    Mutant(
        "recorder: a write into an input let pass",
        TAPE,
        "if target.frame is None or target.frame is not frame:",
        "if False:",
        f"{REFUSALS}[write_into_its_input]",
    ),
    Mutant(
        "recorder: a write into a view let pass",
        TAPE,
        "for view in self.unwritten.values():",
        "for view in ():",
        f"{REFUSALS}[write_into_a_view]",
    ),
    Mutant(
        "recorder: the rule for 1/n wrong",
        "graph/rules.py",
        "lambda k, n: k / n,",
        "lambda k, n: k / (n + 1),",
        "tests/graph/test_rules.py::test_a_rule_is_found_and_holds_for_other_sizes[1/n]",
    ),
    Mutant(
        "recorder: undeclared state let pass",
        "graph/recorder.py",
        "elif before.get(name) is not None and not _unchanged(value, before[name]):",
        "elif False:",
        "tests/graph/test_refusals.py::test_state_that_outlives_a_step_must_be_declared",
    ),
    Mutant(
        "gradient check: an upstream gradient of all ones",
        "proof/subjects.py",
        "np.random.default_rng(self.seed + 1).standard_normal(out.shape)",
        "np.ones(out.shape)",
        f"{ON_PAPER}test_a_net_that_ends_in_a_softmax_returning_zeros_is_found_wrong",
    ),
    Mutant(
        "gradient check: parameters and state left at 0 and 1",
        "proof/subjects.py",
        "            draw(twin, np.random.default_rng(seed))\n",
        "            pass\n",
        f"{GRADIENT_CHECK}test_a_mistake_that_0_or_1_would_hide_is_found",
    ),
    Mutant(
        "gradient check: a zero stays one",
        "proof/drawing.py",
        "np.where(array == 0, size * signs * change, moved)",
        "moved",
        f"{GRADIENT_CHECK}test_a_mistake_that_0_or_1_would_hide_is_found",
    ),
    Mutant(
        "net: the gradients of the step before pass for new ones",
        BUFFERS,
        'layer.__dict__.pop(f"d{name}", None)',
        "pass",
        "tests/engines/test_gathering.py::"
        "test_a_gradient_of_the_step_before_does_not_pass_for_a_new_one",
    ),
    Mutant(
        "gradient check: kinks not handled",
        "proof/gradient_check.py",
        "return (by_hand, True, True) if between else (central, False, False)",
        "return central, False, False",
        f"{GRADIENT_CHECK}test_a_kink_exactly_at_the_entry_takes_any_slope_between",
    ),
    Mutant(
        "gradient check: any slope taken at a kink",
        "proof/gradient_check.py",
        "return (by_hand, True, True) if between else (central, False, False)",
        "return by_hand, True, True",
        f"{GRADIENT_CHECK}test_a_slope_outside_both_sides_of_a_kink_is_wrong",
    ),
    Mutant(
        "gradient check: the step not made smaller",
        "proof/gradient_check.py",
        "for shrink in (1.0, 1e-1, 1e-2, 1e-3):",
        "for shrink in (1.0,):",
        f"{ON_PAPER}test_a_slope_between_both_sides_is_right_on_the_kink_and_wrong_beside_it",
    ),
    Mutant(
        "gradient check: a changed input not noticed",
        "proof/subjects.py",
        "if not _equal(before, self.x):",
        "if False:",
        f"{GRADIENT_CHECK}test_faults_beside_the_numbers_are_reported[ChangesItsInput-str]",
    ),
    Mutant(
        "tables: files in whatever order the folder has",
        "data/files.py",
        "found = sorted(glob(str(source)))",
        "found = sorted(glob(str(source)), reverse=True)",
        "tests/data/test_tables.py::"
        "test_a_pattern_stands_for_all_files_in_the_order_of_their_names",
    ),
    Mutant(
        "tables: columns joined by their place",
        "data/files.py",
        "ordered = [part.select(first) for part in parts]",
        "ordered = [part.rename_columns(first) for part in parts]",
        "tests/data/test_tables.py::"
        "test_a_pattern_stands_for_all_files_in_the_order_of_their_names",
    ),
    Mutant(
        "tables: the row told as if all were one file",
        "data/files.py",
        "numbers - (ends - rows)[files] + 1",
        "numbers + 1",
        "tests/bad_input/test_tables.py::test_a_mistake_among_many_files_is_told_with_its_file",
    ),
]

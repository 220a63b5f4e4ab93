"""Curves over many runs, their pictures, and what is recorded of weights broken."""

from tests.mutants.run import Mutant

CURVES = "fitting/curves.py"
COMPUTED = "tests/training/test_curves.py::"
TABLES = "training/curves.py"
PICTURES = "plots/curves.py"
DRAWN = "tests/plots/test_curves.py::"
DISPLAYS = "plots/displays.py"
SHOWN = "tests/plots/test_displays.py::"
WEIGHTS = "training/record_weights.py"
NOTED = "tests/plots/test_weights.py::"
SHARING = "engines/sharing_recordings.py"
SHARED = "tests/engines/test_sharing_recordings.py::test_what_is_alike_is_recorded_once_and_trains"

MUTANTS = [
    Mutant(
        "curves: looked at the training rows twice",
        CURVES,
        "[self.validation] * len(runs)",
        '[run["data"] for run in runs]',
        f"{COMPUTED}test_each_figure_is_that_of_a_net_trained_by_itself",
    ),
    Mutant(
        "curves: training and validation swapped",
        CURVES,
        "return sides[0], sides[1]",
        "return sides[1], sides[0]",
        f"{COMPUTED}test_each_figure_is_that_of_a_net_trained_by_itself",
    ),
    Mutant(
        "curves: capacities and seeds swapped",
        CURVES,
        "np.array(found).reshape(len(points), len(seeds), -1)",
        "np.array(found).reshape(len(seeds), len(points), -1).swapaxes(0, 1)",
        f"{COMPUTED}test_each_figure_is_that_of_a_net_trained_by_itself",
    ),
    Mutant(
        "curves: all seeds the same",
        CURVES,
        "[int(child.integers(2**62)) for child in generator.spawn(int(seeds))]",
        "[int(generator.integers(2**62))] * seeds",
        f"{COMPUTED}test_the_seeds_differ_from_each_other_and_are_the_same_at_every_capacity",
    ),
    Mutant(
        "curves: other seeds at each capacity",
        CURVES,
        "np.random.default_rng(seed).spawn(2)",
        "np.random.default_rng().spawn(2)",
        f"{COMPUTED}test_the_seeds_differ_from_each_other_and_are_the_same_at_every_capacity",
    ),
    Mutant(
        "curves: early stopping watches the training",
        CURVES,
        'settings |= {"validation": self.validation, "metrics": metrics.values()}',
        "pass",
        f"{COMPUTED}test_early_stopping_watches_the_validation_rows",
    ),
    Mutant(
        "curves: a run that diverged is counted with its last weights",
        CURVES,
        "        if missing:\n",
        "        if False:\n",
        f"{COMPUTED}test_runs_that_diverge_are_missing_and_told",
    ),
    Mutant(
        "curves: nobody is told of runs that diverged",
        CURVES,
        "        warnings.warn(message, stacklevel=4)\n",
        "        del message\n",
        f"{COMPUTED}test_runs_that_diverge_are_missing_and_told",
    ),
    Mutant(
        "curves: each seed weighed by itself for the engine",
        CURVES,
        "epochs=self.epochs * seeds",
        "epochs=self.epochs",
        f"{COMPUTED}test_one_capacity_shares_its_machine_code_and_auto_counts_on_it",
    ),
    Mutant(
        "learning curve: the last rows of the order",
        CURVES,
        "take(x, orders[seed][:size]), y[orders[seed][:size]]",
        "take(x, orders[seed][-size:]), y[orders[seed][-size:]]",
        f"{COMPUTED}test_more_rows_are_the_first_of_each_seeds_own_order",
    ),
    Mutant(
        "learning curve: targets of other rows",
        CURVES,
        "y[orders[seed][:size]]\n",
        "y[:size]\n",
        f"{COMPUTED}test_more_rows_are_the_first_of_each_seeds_own_order",
    ),
    Mutant(
        "learning curve: classes not in their shares",
        CURVES,
        "if not classes or y[0].size > 1:",
        "if True:",
        f"{COMPUTED}test_every_beginning_has_the_classes_in_their_shares",
    ),
    Mutant(
        "learning curve: the same order for all seeds",
        CURVES,
        "np.random.default_rng(seed).spawn(3)[2]",
        "np.random.default_rng(0)",
        f"{COMPUTED}test_more_rows_are_the_first_of_each_seeds_own_order",
    ),
    Mutant(
        "curves: median and upper quartile swapped",
        TABLES,
        "(0.25, 0.5, 0.75)",
        "(0.25, 0.75, 0.5)",
        f"{DRAWN}test_lines_are_medians_and_bands_are_quartiles",
    ),
    Mutant(
        "curves: the worst capacity marked as the best",
        TABLES,
        "np.nanargmin(medians)",
        "np.nanargmax(medians)",
        f"{DRAWN}test_lines_are_medians_and_bands_are_quartiles",
    ),
    Mutant(
        "curves: a median of the few that did not diverge",
        TABLES,
        "if 2 * len(finite) > len(runs):",
        "if len(finite):",
        f"{DRAWN}test_runs_that_are_missing_are_left_out_and_counted",
    ),
    Mutant(
        "curves: infinite losses not missing",
        TABLES,
        'np.isfinite(self.validation["loss"])',
        '~np.isnan(self.validation["loss"])',
        f"{DRAWN}test_runs_that_are_missing_are_left_out_and_counted",
    ),
    Mutant(
        "curves: missing runs not told in the picture",
        PICTURES,
        "if missing := int(curve.missing.sum()):",
        "if missing := 0:",
        f"{DRAWN}test_runs_that_are_missing_are_left_out_and_counted",
    ),
    Mutant(
        "curves: the axis logarithmic where steps are even",
        PICTURES,
        "return bool(factors.std() / factors.mean() < steps.std() / steps.mean())",
        "return True",
        f"{DRAWN}test_the_axis_is_logarithmic_where_capacities_grow_by_factors",
    ),
    Mutant(
        "confusion matrix: true and predicted swapped",
        DISPLAYS,
        "confusion_matrix(y, predicted, labels=np.arange(len(names)))",
        "confusion_matrix(predicted, y, labels=np.arange(len(names)))",
        f"{SHOWN}test_the_counts_are_those_of_the_accuracy",
    ),
    Mutant(
        "confusion matrix: one half is class 0",
        "metrics/shapes.py",
        "answers(p, y), p >= 0.5",
        "answers(p, y), p > 0.5",
        f"{SHOWN}test_one_half_is_class_one_as_for_the_accuracy",
    ),
    Mutant(
        "displays: of two classes, class 0",
        DISPLAYS,
        "classes = only or ([1] if len(names) == 2",
        "classes = only or ([0] if len(names) == 2",
        f"{SHOWN}test_the_curves_are_those_of_each_class_against_the_rest",
    ),
    Mutant(
        "displays: another class's probabilities",
        DISPLAYS,
        "p[:, k].astype(np.float64)",
        "p[:, 0].astype(np.float64)",
        f"{SHOWN}test_the_curves_are_those_of_each_class_against_the_rest",
    ),
    Mutant(
        "calibration: the bins not taken",
        DISPLAYS,
        "n_bins=bins",
        "n_bins=10",
        f"{SHOWN}test_the_curves_are_those_of_each_class_against_the_rest",
    ),
    Mutant(
        "residuals: over the true numbers",
        DISPLAYS,
        'kind="residual_vs_predicted"',
        'kind="actual_vs_predicted"',
        f"{SHOWN}test_the_residuals_are_true_minus_predicted",
    ),
    Mutant(
        "weights: the update since the beginning",
        WEIGHTS,
        "            before = after\n",
        "",
        f"{NOTED}test_gradients_are_those_of_the_last_batch_and_updates_those_of_the_epoch",
    ),
    Mutant(
        "weights: the update as a share of the new weights",
        WEIGHTS,
        "_length(w - before[path]), _length(before[path])",
        "_length(w - before[path]), _length(w)",
        f"{NOTED}test_gradients_are_those_of_the_last_batch_and_updates_those_of_the_epoch",
    ),
    Mutant(
        "weights: the gradient of the parameter before",
        WEIGHTS,
        "where, start = slice(start, start + array.size), start + array.size",
        "where, start = slice(start, start + array.size), start + array.size - 1",
        f"{NOTED}test_gradients_are_those_of_the_last_batch_and_updates_those_of_the_epoch",
    ),
    Mutant(
        "weights: a frozen layer has the gradient of some batch",
        WEIGHTS,
        "if any(part.start <= where.start < where.stop <= part.stop for part in trainable):",
        "if trainable:",
        f"{NOTED}test_a_frozen_layer_has_no_gradient_and_does_not_move",
    ),
    Mutant(
        "sharing: settings not compared",
        SHARING,
        "if name not in NO_SETTINGS\n",
        "if name in numbers\n",
        f"{SHARED}_as_alone",
    ),
    Mutant(
        "sharing: the class not compared",
        SHARING,
        "return type(page), tuple(",
        "return tuple(",
        f"{SHARED}_as_alone",
    ),
    Mutant(
        "sharing: what is frozen not compared",
        SHARING,
        'NO_SETTINGS = {"rng",',
        'NO_SETTINGS = {"trainable", "rng",',
        f"{SHARED}_as_alone",
    ),
    Mutant(
        "sharing: 2 is 2.0",
        SHARING,
        "return type(value), value\n",
        "return value\n",
        f"{SHARED}_as_alone",
    ),
    Mutant(
        "sharing: the optimizer not compared",
        SHARING,
        "(*map(_alike, pages), *others)",
        "(*map(_alike, pages[:2]), *others)",
        f"{SHARED}_as_alone",
    ),
    Mutant(
        "sharing: scratch memory shared too",
        "engines/compiled/engine.py",
        "made.run.with_scratch_of_its_own(self.crew)",
        "made.run",
        "tests/engines/test_sharing_recordings.py::test_each_run_has_scratch_memory_of_its_own",
    ),
    Mutant(
        "sharing: the memory of the crew shared",
        "engines/compiled/runner.py",
        "other.scratch = other._new_scratch()",
        "other.scratch = self._new_scratch()",
        "tests/engines/test_sharing_recordings.py::test_each_run_has_scratch_memory_of_its_own",
    ),
]

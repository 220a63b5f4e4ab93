"""Weights and metrics broken: which rows count, how much, and what a metric is handed."""

from tests.mutants.run import Mutant

WEIGHTS = "tests/training/test_weights.py::"
METRICS = "tests/training/test_metrics.py::"
EAGER = "engines/eager.py"
TOTALS = "engines/compiled/totals.py"
ROWS = "training/weights.py"
TRAIN = "training/train.py"
MEASURING = "training/measuring.py"
CLASSES = "metrics/classes.py"
PROBABILITIES = "metrics/probabilities.py"
CHOICE = "metrics/choice.py"

MUTANTS = [
    Mutant(
        "eager: an epoch weighs its batches by their rows",
        EAGER,
        "(counted if self.by_weights else len(rows))",
        "len(rows)",
        f"{WEIGHTS}test_an_epochs_loss_is_the_weighted_mean_over_all_rows[7-eager]",
    ),
    Mutant(
        "eager: the weights of other rows",
        EAGER,
        "(self.w[rows],)",
        "(self.w[batch],)",
        f"{WEIGHTS}test_an_epochs_loss_is_the_weighted_mean_over_all_rows[7-eager]",
    ),
    Mutant(
        "compiled: an epoch weighs its batches by their rows",
        TOTALS,
        'if by == "rows" or "w" not in elements.graph.leaves:',
        "if True:",
        f"{WEIGHTS}test_an_epochs_loss_is_the_weighted_mean_over_all_rows[7-compiled]",
    ),
    Mutant(
        "rows: those of weight 0 stay",
        ROWS,
        "if not kept.all():",
        "if False:",
        f"{WEIGHTS}test_a_row_of_weight_0_may_be_infinitely_wrong",
    ),
    Mutant(
        "rows: large weights overflow",
        ROWS,
        "(in_loss / in_loss.max()).astype(dtype)",
        "in_loss.astype(dtype)",
        f"{WEIGHTS}test_only_proportions_matter_and_no_size_of_weights_overflows[eager]",
    ),
    Mutant(
        "rows: the weight of the class in place of the row's",
        ROWS,
        "of_row * of_class[y.ravel().astype(int)]",
        "of_class[y.ravel().astype(int)]",
        f"{WEIGHTS}test_weights_of_classes_and_of_rows_multiply",
    ),
    Mutant(
        "rows: metrics know the weights of classes",
        ROWS,
        "None if sample_weight is None else of_row / of_row.max()",
        "in_loss",
        f"{WEIGHTS}test_weights_of_classes_are_weights_of_their_rows_in_the_loss_alone[eager]",
    ),
    Mutant(
        "balanced: rows counted, not their weights",
        ROWS,
        "np.bincount(y.ravel().astype(int), w, k)",
        "np.bincount(y.ravel().astype(int), None, k)",
        f"{WEIGHTS}test_balanced_is_scikit_learns[sample_weight1]",
    ),
    Mutant(
        "balanced: classes without rows take part",
        ROWS,
        "present.sum() * np.where",
        "k * np.where",
        f"{WEIGHTS}test_balanced_weights_are_those_worked_out_by_hand",
    ),
    Mutant(
        "train: validation without the weights of classes",
        ROWS,
        "its_weight, of_class, loss",
        "its_weight, None, loss",
        f"{WEIGHTS}test_weights_of_classes_are_weights_of_their_rows_in_the_loss_alone[eager]",
    ),
    Mutant(
        "train: metrics with the weights of other rows",
        TRAIN,
        "w = None if w is None else w[order]",
        "w = None if w is None else w",
        f"{WEIGHTS}test_an_epochs_loss_is_the_weighted_mean_over_all_rows[7-eager]",
    ),
    Mutant(
        "measuring: logits for probabilities",
        MEASURING,
        "metric(loss.inverse_link(p), y, w)",
        "metric(p, y, w)",
        f"{METRICS}test_beside_a_hinge_loss_yes_begins_at_a_score_of_0",
    ),
    Mutant(
        "measuring: only which is largest, where more is asked",
        MEASURING,
        'loss.targets == "classes" and name not in OF_PROBABILITIES',
        'loss.targets == "classes"',
        f"{METRICS}test_beside_a_loss_on_logits_metrics_are_of_probabilities[classes]",
    ),
    Mutant(
        "measuring: weights withheld from a metric of one's own",
        MEASURING,
        "metric(p, y, sample_weight=w)",
        "metric(p, y)",
        f"{WEIGHTS}test_a_metric_of_ones_own_is_given_the_weights_if_it_takes_them",
    ),
    Mutant(
        "metrics: balanced accuracy without weights",
        CLASSES,
        "            sample_weight=sample_weight,\n            zero_division=0,\n",
        "            zero_division=0,\n",
        f"{METRICS}test_metrics_of_classes_are_scikit_learns_with_weights_too",
    ),
    Mutant(
        "metrics: the first column ranks class 1",
        PROBABILITIES,
        "p[:, 1]",
        "p[:, 0]",
        f"{METRICS}test_metrics_of_classes_are_scikit_learns_with_weights_too",
    ),
    Mutant(
        "metrics: less is better of errors alone",
        CHOICE,
        '("_loss", "_error", "_deviance")',
        '("_error", "_deviance")',
        f"{METRICS}test_early_stopping_knows_which_way_each_metric_is_better[log_loss]",
    ),
    Mutant(
        "weights: a compiled epoch in parts divided by its rows",
        "engines/compiled/engine.py",
        "yield Epoch(so_far.total / self.counted, ",
        "yield Epoch(so_far.total / len(order), ",
        "tests/saving/test_checkpoints.py::"
        "test_a_weighted_epoch_comes_to_the_same_in_parts[compiled]",
    ),
    Mutant(
        "weights: not part of what a training is known by",
        "training/state.py",
        "(rows.x, rows.y, rows.w, rows.sample_weight)",
        "(rows.x, rows.y)",
        "tests/saving/test_checkpoints.py::test_a_training_of_other_settings_is_not_resumed[weights]",
    ),
    Mutant(
        "weights: the search for a learning rate knows none",
        "training/find_learning_rate.py",
        "size, w=given.w",
        "size, w=None",
        "tests/training/test_find_learning_rate.py::test_rows_count_as_their_weights_say",
    ),
]

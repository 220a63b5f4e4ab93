"""The command line: from a table to a run's folder, whole or not at all."""

from tests.mutants.run import Mutant

TRAIN, RESUME, PREDICT = (
    "tests/cli/test_train.py",
    "tests/cli/test_resume.py",
    "tests/cli/test_predict.py",
)
BAD = "tests/bad_input/test_bad_tables.py"
LEAVES_NOTHING = f"{BAD}::test_a_table_that_cannot_be_learned_from_is_refused_and_leaves_nothing"

MUTANTS = [
    Mutant(
        "train: the scores are of rows that were learned from",
        "cli/training.py",
        '("held_out", job.held_out)',
        '("held_out", job.learned)',
        f"{TRAIN}::"
        "test_the_scores_are_those_of_the_model_in_the_file_on_rows_it_did_not_learn_from",
    ),
    Mutant(
        "train: rows held out are learned from",
        "cli/training.py",
        "job.fit(job.learned)",
        "job.fit(np.sort(np.concatenate([job.learned, job.held_out])))",
        f"{RESUME}::test_what_is_done_is_not_done_again",
    ),
    Mutant(
        "folds: a fold is judged by a model that saw it",
        "cli/training.py",
        "yield rows[learned], rows[judged]",
        "yield rows[learned], rows[learned]",
        "tests/cli/test_folds.py::test_each_fold_is_judged_by_a_model_of_the_others",
    ),
    Mutant(
        "folds: of all rows, those held out too",
        "cli/training.py",
        "rows = job.learned\n    for learned",
        "rows = np.arange(len(job.given.target.values))\n    for learned",
        "tests/cli/test_folds.py::test_each_fold_is_judged_by_a_model_of_the_others",
    ),
    Mutant(
        "resume: what is done is done again",
        "cli/unfinished.py",
        "if name not in self.parts:\n            content",
        "if True:\n            content",
        f"{RESUME}::test_what_is_done_is_not_done_again",
    ),
    Mutant(
        "resume: another run goes on",
        "cli/unfinished.py",
        "if not self.is_this_run:",
        "if False:",
        f"{RESUME}::test_another_run_does_not_go_on",
    ),
    Mutant(
        "resume: what is begun is written over",
        "cli/places.py",
        ' or kind_of(unfinished(parent / f"{name}-{number}"))',
        "",
        f"{RESUME}::test_without_out_the_last_run_that_is_not_finished_goes_on",
    ),
    Mutant(
        "resume: a half-written file is taken over",
        "cli/unfinished.py",
        'for path in run.glob(".*")',
        'for path in run.glob(".none")',
        f"{RESUME}::test_a_run_that_was_killed_ends_as_if_it_had_not_been[tabular-fold-1.json]",
    ),
    Mutant(
        "resume: the engine depends on the fits before",
        "cli/models.py",
        'return "compiled" if find_spec("llvmlite") else "eager"',
        'return "auto"',
        "tests/cli/test_folds.py::test_the_model_is_that_of_a_run_without_folds",
    ),
    Mutant(
        "train: the outputs of numbers stay in standard deviations",
        "cli/models.py",
        "mlp.coefs_[-1] *= deviation",
        "mlp.coefs_[-1] *= 1.0",
        f"{TRAIN}::test_numbers_are_predicted_in_their_own_units",
    ),
    Mutant(
        "train: classes count alike",
        "cli/models.py",
        "weights.get(name, 1.0)",
        "weights.get(name, 1.0) ** 0",
        f"{TRAIN}::test_rows_of_a_class_count_as_much_as_is_asked_for",
    ),
    Mutant(
        "train: words in a table steer a terminal",
        "cli/output.py",
        'c if c.isprintable() or c == "\\n" else repr(c)[1:-1]',
        "c",
        f"{TRAIN}::test_words_in_a_table_cannot_steer_a_terminal",
    ),
    Mutant(
        "train: options that were not typed are left out of the command",
        "cli/settings.py",
        "words += [_flag(name), str(one)]",
        'words += [_flag(name), str(one)] if name != "ignore" else []',
        f"{TRAIN}::test_a_run_says_all_that_is_needed_to_repeat_it",
    ),
    Mutant(
        "config: a name that is no option passes",
        "cli/config.py",
        "if key not in known:",
        "if key not in known and key != 'config':",
        "tests/cli/test_config.py::test_what_is_wrong_in_a_file_is_told",
    ),
    Mutant(
        "tables: a class with one row is learned from",
        "cli/rows.py",
        "(counts == 1).any()",
        "(counts == 0).any()",
        LEAVES_NOTHING,
    ),
    Mutant(
        "tables: infinity is learned from",
        "cli/rows.py",
        "if infinite.any():",
        "if infinite.all():",
        LEAVES_NOTHING,
    ),
    Mutant(
        "tables: words among the numbers to predict are classes",
        "data/targets.py",
        "_refuse_mixed(table, name, values)\n    looks",
        "pass\n    looks",
        LEAVES_NOTHING,
    ),
    Mutant(
        "tables: semicolons are taken as they are",
        "data/files.py",
        'if separator in header and "," not in header:',
        'if separator in header and "," in header:',
        LEAVES_NOTHING,
    ),
    Mutant(
        "predict: columns that are kept come from other rows",
        "data/predictions.py",
        "add_column(i, name, whole[name])",
        "add_column(i, name, whole[name].take([*range(len(whole))][::-1]))",
        f"{PREDICT}::test_predictions_are_written_row_by_row",
    ),
    Mutant(
        "predict: an error does not say which table",
        "cli/models.py",
        "error.where = data\n",
        "pass\n",
        f"{PREDICT}::test_a_table_of_another_kind_is_refused_and_nothing_is_written",
    ),
    Mutant(
        "evaluate: labels in another order",
        "cli/scores.py",
        "enumerate(model.classes_)}",
        "enumerate(model.classes_[::-1])}",
        f"{PREDICT}::test_a_model_is_judged_on_other_rows",
    ),
    Mutant(
        "report: rows that changed are taken",
        "cli/reporting.py",
        '(old["bytes"], old["sha256"]) != (new["bytes"], new["sha256"])',
        'old["bytes"] != new["bytes"]',
        "tests/cli/test_report.py::test_rows_that_changed_are_refused_and_the_page_stays",
    ),
    Mutant(
        "history: what was not there comes back",
        "training/history.py",
        'value("validation_loss") if "validation_loss" in row else None',
        "math.nan",
        "tests/training/test_history.py",
    ),
]

"""Reports and explanations broken: what, where, the text before and after, who must notice."""

from tests.mutants.run import Mutant

REPORT = "tests/reporting/test_report.py::"
IMPORTANCE = "tests/inspection/test_importance.py::"
DEPENDENCE = "tests/inspection/test_dependence.py::"
PLOTS = "tests/plots/test_explanations.py::"
SVG = "tests/html/test_svg.py::"
ELEMENTS = "tests/html/test_elements.py::"
BAD = "tests/bad_input/test_report.py::"
CHECKS = "tests/reporting/test_checks.py::"

MUTANTS = [
    Mutant(
        "explanations: the weakest column first",
        "explanations.py",
        'np.argsort(-self.mean, kind="stable")',
        'np.argsort(self.mean, kind="stable")',
        f"{IMPORTANCE}test_it_is_scikit_learns_to_the_bit",
    ),
    Mutant(
        "inspection: no column of a frame is moved",
        "inspection/patchwork.py",
        "if (rows[:, j] != usual).any()]",
        "if False]",
        f"{DEPENDENCE}test_few_numbers_are_all_tried",
    ),
    Mutant(
        "inspection: the chosen columns are not those that move",
        "inspection/patchwork.py",
        "rows[:, self.columns] = given[:, :-1]",
        "rows[:, self.columns] = given[:, -1:]",
        f"{IMPORTANCE}test_some_columns_come_out_as_they_do_among_all",
    ),
    Mutant(
        "inspection: dates are not in seconds",
        "inspection/dependence.py",
        "dates = (values * DAY)",
        "dates = (values * 1000)",
        f"{DEPENDENCE}test_dates_are_dates",
    ),
    Mutant(
        "inspection: rare text first",
        "inspection/dependence.py",
        'order = np.argsort(-counts, kind="stable")',
        'order = np.argsort(counts, kind="stable")',
        f"{DEPENDENCE}test_text_is_tried_at_its_values_the_most_frequent_first[pandas]",
    ),
    Mutant(
        "inspection: values of the whole range",
        "inspection/dependence.py",
        "np.linspace(0.05, 0.95, n_values)",
        "np.linspace(0.0, 1.0, n_values)",
        f"{DEPENDENCE}test_numbers_are_tried_at_quantiles_that_occur[pandas]",
    ),
    Mutant(
        "inspection: class 1 for class 0",
        "inspection/dependence.py",
        "np.concatenate([1 - average, average])",
        "np.concatenate([average, 1 - average])",
        f"{DEPENDENCE}test_of_classes_there_are_probabilities_that_sum_to_one",
    ),
    Mutant(
        "inspection: values in the order of rows",
        "inspection/dependence.py",
        'np.searchsorted(found["grid_values"][0], rows)',
        "np.arange(len(rows))",
        f"{DEPENDENCE}test_numbers_are_tried_at_quantiles_that_occur[pandas]",
    ),
    Mutant(
        "inspection: one seed for all",
        "inspection/importance.py",
        "np.random.default_rng(rng).integers",
        "np.random.default_rng(0).integers",
        f"{IMPORTANCE}test_it_is_scikit_learns_to_the_bit",
    ),
    Mutant(
        "inspection: a model that has not learned",
        "inspection/patchwork.py",
        "        check_is_fitted(model)",
        "        pass",
        f"{BAD}test_a_model_that_has_not_learned",
    ),
    Mutant(
        "html: text is HTML",
        "html/elements.py",
        "return text if isinstance(text, Html) else Html(escape(visible(text)))",
        "return Html(text)",
        f"{ELEMENTS}test_any_text_comes_out_as_it_went_in",
    ),
    Mutant(
        "html: attributes are not escaped",
        "html/elements.py",
        '="{html(value)}"\'',
        '="{value}"\'',
        f"{ELEMENTS}test_any_text_comes_out_as_it_went_in",
    ),
    Mutant(
        "html: names of a picture are those of all",
        "html/svg.py",
        'value = f"{name}-{value}"',
        'value = f"one-{value}"',
        f"{SVG}test_names_are_its_own_and_lead_somewhere",
    ),
    Mutant(
        "html: references to no name",
        "html/svg.py",
        'f"#{name}-{m[2]}"',
        'f"#{m[2]}"',
        f"{SVG}test_names_are_its_own_and_lead_somewhere",
    ),
    Mutant(
        "html: colours stay",
        "html/svg.py",
        "value = value.replace(old, new)",
        "pass",
        f"{SVG}test_colours_are_the_pages",
    ),
    Mutant(
        "html: rules for the whole page",
        "html/svg.py",
        '("metadata", "style")',
        '("metadata",)',
        f"{SVG}test_it_is_an_image_with_a_text_in_its_place",
    ),
    Mutant(
        "plots: another class is drawn",
        "plots/explanations.py",
        "chosen = [n - 1] if n <= 2",
        "chosen = [0] if n <= 2",
        f"{PLOTS}test_of_two_classes_the_second_is_drawn",
    ),
    Mutant(
        "plots: classes that change least",
        "plots/explanations.py",
        'np.argsort(-changes, kind="stable")',
        'np.argsort(changes, kind="stable")',
        f"{PLOTS}test_of_many_classes_those_that_change_most_are_drawn",
    ),
    Mutant(
        "plots: too few dates",
        "plots/style.py",
        "AutoDateLocator(minticks=3, maxticks=7)",
        "AutoDateLocator(maxticks=5)",
        f"{PLOTS}test_dates_of_any_length_are_dates_along_the_axis[900]",
    ),
    Mutant(
        "report: guessing says the class of the rows held out",
        "reporting/scores.py",
        "said=guesses.argmax(axis=1)",
        "said=guesses.argmin(axis=1)",
        f"{REPORT}test_the_scores_are_those_of_scikit_learn",
    ),
    Mutant(
        "report: the mean of the rows held out",
        "reporting/scores.py",
        "float((training or held).y.mean())",
        "float(held.y.mean())",
        f"{REPORT}test_the_numbers_of_a_regression_are_those_of_scikit_learn",
    ),
    Mutant(
        "report: unknown classes are the last one",
        "reporting/judged.py",
        "return places, places >= 0",
        "return places, places >= -1",
        f"{REPORT}test_classes_never_seen_are_left_out_and_told",
    ),
    Mutant(
        "report: all rows are judged",
        "reporting/judged.py",
        "if len(kept) > MOST_ROWS:",
        "if False:",
        f"{REPORT}test_of_very_many_rows_some_are_judged",
    ),
    Mutant(
        "report: curves of one class",
        "reporting/answers.py",
        "if 0 < counts[k] < len(held)]",
        "if 0 < counts[k]]",
        f"{REPORT}test_held_out_rows_of_one_class_say_what_they_cannot_tell",
    ),
    Mutant(
        "report: the weakest of many columns",
        "reporting/evidence.py",
        'np.argsort(-np.array(changes), kind="stable")',
        'np.argsort(np.array(changes), kind="stable")',
        f"{REPORT}test_of_many_columns_those_that_matter_are_found",
    ),
    Mutant(
        "report: columns that do not matter are looked at",
        "reporting/evidence.py",
        "(importance.mean > least) & (importance.mean > importance.std)",
        "importance.mean >= least",
        f"{REPORT}test_a_model_that_says_one_number_is_told_to_be_of_no_use",
    ),
    Mutant(
        "report: the doctor sees the columns of a pipeline unscaled",
        "reporting/examination.py",
        "X = X if before is None else before.transform(X)",
        "X = X",
        f"{REPORT}test_models_from_files_and_with_an_encoder_before_them",
    ),
    Mutant(
        "tabular: no history",
        "tabular/members.py",
        "best.history.reports.append(",
        "(lambda report: None)(",
        f"{REPORT}test_the_curves_are_of_the_history_that_is_kept",
    ),
    Mutant(
        "checks: a column is asked for the rows it was learned from",
        "reporting/checks.py",
        "said[~learned] = tree.predict(x[~learned])",
        "said[learned] = tree.predict(x[learned])",
        f"{CHECKS}test_names_that_tell_rows_apart_restate_nothing",
    ),
    Mutant(
        "checks: to be right for the most frequent class is enough",
        "reporting/checks.py",
        "max(RESTATES, 1 - OF_MISTAKES * (1 - guessed))",
        "0.9",
        f"{CHECKS}test_of_a_rare_class_a_column_must_find_the_rows_too",
    ),
    Mutant(
        "checks: a gap is one where the training is worse",
        "reporting/checks.py",
        "if worse and apart",
        "if apart",
        f"{CHECKS}test_a_gap_between_training_and_held_out_is_over_fitting",
    ),
    Mutant(
        "checks: chance is not asked for",
        "reporting/checks.py",
        "SURE * gain.std()",
        "0 * gain.std()",
        f"{CHECKS}test_answers_that_chance_could_give_are_no_better_than_guessing",
    ),
]

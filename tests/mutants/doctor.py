"""The doctor broken: sicknesses not seen, seen where there are none, and traces left."""

from tests.mutants.run import Mutant

THRESHOLDS = "tests/proof/doctor/test_thresholds.py::"
NOT_FINITE = "tests/proof/doctor/test_not_finite.py::"
BESIDE = "tests/proof/doctor/test_diagnosing.py::"
CONSTANTS = "tests/proof/doctor/test_constants.py::"
BAD = "tests/bad_input/test_doctor.py::"
UNITS = "proof/doctor/units.py"
GRADIENTS = "proof/doctor/gradients.py"
ROWS = "proof/doctor/rows.py"
LEAKAGE = "proof/doctor/leakage.py"
CURVES = "proof/doctor/curves.py"
FINITENESS = "proof/doctor/finiteness.py"
GIVEN = "proof/doctor/given.py"
CALLS = "proof/doctor/calls.py"
CASE = "proof/doctor/case.py"
PATIENT = "proof/doctor/patient.py"
DIAGNOSE = "proof/doctor/diagnose.py"
DIAGNOSING = "proof/doctor/diagnosing.py"
ANSWERS = "proof/doctor/constants.py"

MUTANTS = [
    Mutant(
        "dead units: one more than the share",
        UNITS,
        "dead >= DEAD_SHARE * units",
        "dead > DEAD_SHARE * units",
        f"{THRESHOLDS}test_four_in_ten_dead_units_are_named",
    ),
    Mutant(
        "dead units: for most rows",
        UNITS,
        "silent = np.all((np.abs(slope) <= NO_SLOPE) & (y <= NO_SLOPE), axis=0)",
        "silent = ((np.abs(slope) <= NO_SLOPE) & (y <= NO_SLOPE)).mean(axis=0) > 0.9",
        f"{THRESHOLDS}test_a_unit_that_wakes_for_one_row_is_not_dead",
    ),
    Mutant(
        "dead units: without a look at the slope",
        UNITS,
        "(np.abs(slope) <= NO_SLOPE) & (y <= NO_SLOPE)",
        "y <= np.inf",
        f"{THRESHOLDS}test_layers_that_pass_something_back_are_not_dead",
    ),
    Mutant(
        "saturated units: another slope",
        UNITS,
        "SMALL_SLOPE = 0.05",
        "SMALL_SLOPE = 0.1",
        f"{THRESHOLDS}test_an_end_is_where_the_slope_is_below_a_twentieth",
    ),
    Mutant(
        "saturated units: fewer rows",
        UNITS,
        "SATURATED_ROWS = 0.95",
        "SATURATED_ROWS = 0.9",
        f"{THRESHOLDS}test_a_unit_is_at_an_end_if_it_is_for_95_of_100_rows",
    ),
    Mutant(
        "saturated units: more of the layer",
        UNITS,
        "saturated >= SATURATED_SHARE * units",
        "saturated > SATURATED_SHARE * units",
        f"{THRESHOLDS}test_half_the_units_at_an_end_are_named",
    ),
    Mutant(
        "units: the last activation too",
        UNITS,
        "for call in calls[:last]:",
        "for call in calls:",
        f"{THRESHOLDS}test_the_last_activation_may_be_as_sure_as_can_be",
    ),
    Mutant(
        "units: a layer that mixes columns taken for one",
        UNITS,
        "return not per_row(back)[:, 1::2].any()",
        "return True",
        f"{THRESHOLDS}test_a_layer_that_mixes_its_columns_is_no_row_of_units",
    ),
    Mutant(
        "gradients: vanished later",
        GRADIENTS,
        "VANISHED = 1e-3",
        "VANISHED = 5e-4",
        f"{THRESHOLDS}test_a_thousandth_of_the_gradient_has_vanished",
    ),
    Mutant(
        "gradients: exploded earlier",
        GRADIENTS,
        "EXPLODED = 1e3",
        "EXPLODED = 5e2",
        f"{THRESHOLDS}test_a_thousand_times_the_gradient_has_exploded",
    ),
    Mutant(
        "gradients: from the last layer to the first",
        GRADIENTS,
        "_with_weights(back)][::-1]",
        "_with_weights(back)]",
        f"{THRESHOLDS}test_a_thousandth_of_the_gradient_has_vanished",
    ),
    Mutant(
        "gradients: one that is not finite taken for large",
        GRADIENTS,
        "if not all(finite(call.came) for call in back):",
        "if False:",
        f"{THRESHOLDS}test_what_goes_forward_tells_where_no_gradient_is_finite",
    ),
    Mutant(
        "inputs: compared with the smallest",
        ROWS,
        'np.quantile(size[varied], 0.25, method="lower")',
        "np.min(size[varied])",
        f"{THRESHOLDS}test_inputs_of_30_of_a_hundredth_and_100_apart_are_named",
    ),
    Mutant(
        "inputs: as they came, before a layer puts them on one scale",
        ROWS,
        'c.method == "forward" and c.holds_weights',
        'c.method == "forward"',
        f"{THRESHOLDS}test_inputs_of_30_of_a_hundredth_and_100_apart_are_named",
    ),
    Mutant(
        "leakage: rows that repeat by themselves do not count",
        LEAKAGE,
        "by_chance = m * repeated",
        "by_chance = 0 * repeated",
        f"{THRESHOLDS}test_as_many_as_repeat_by_themselves_are_none",
    ),
    Mutant(
        "leakage: minus zero is another number",
        LEAKAGE,
        "np.ascontiguousarray(part + 0)",
        "np.ascontiguousarray(part)",
        f"{THRESHOLDS}test_zero_and_minus_zero_are_the_same_row",
    ),
    Mutant(
        "imbalance: a class of few rows",
        ROWS,
        "counts >= FEWEST_OF_A_CLASS",
        "counts >= 1",
        f"{THRESHOLDS}test_a_class_is_rare_below_a_fifth_of_its_even_share",
    ),
    Mutant(
        "imbalance: of a net that learned nothing",
        ROWS,
        "guess is None or judge.of(p) > UNTAUGHT * case.constant_loss",
        "guess is None",
        f"{THRESHOLDS}test_a_net_that_has_not_learned_is_not_said_to_ignore_a_class",
    ),
    Mutant(
        "imbalance: a class that is never found only",
        ROWS,
        "found <= RECALL * counts[c]",
        "found <= 0",
        f"{THRESHOLDS}test_a_rare_class_is_ignored_up_to_a_twentieth_of_its_rows",
    ),
    Mutant(
        "rate too high: falls count as well",
        CURVES,
        "np.maximum(np.diff(late), 0)",
        "np.abs(np.diff(late))",
        f"{THRESHOLDS}test_a_loss_that_goes_up_by_a_tenth_of_a_constants_again_and_again",
    ),
    Mutant(
        "rate too high: a loss that is high but fell",
        CURVES,
        "WORSE * max(level, losses[0])",
        "WORSE * level",
        f"{THRESHOLDS}test_a_loss_that_ends_high_but_fell_is_not_said_to_have_risen",
    ),
    Mutant(
        "rate too low: no step is tried",
        CURVES,
        "if now - lowest < max(",
        "if False and now - lowest < max(",
        f"{THRESHOLDS}test_a_rate_is_not_too_low_where_no_step_helps",
    ),
    Mutant(
        "rate too low: of a curve that bends",
        CURVES,
        "STILL_FALLING = 0.5",
        "STILL_FALLING = 0.4",
        f"{THRESHOLDS}test_a_curve_that_bends_is_near_its_end",
    ),
    Mutant(
        "over-fitting: one epoch is enough",
        CURVES,
        "LATE = 3",
        "LATE = 1",
        f"{THRESHOLDS}test_one_epoch_of_noise_is_no_over_fitting",
    ),
    Mutant(
        "over-fitting: the training loss need not fall",
        CURVES,
        "not trained < LEARNED_ON * then",
        "False",
        f"{THRESHOLDS}test_it_is_over_fitting_only_if_the_training_loss_fell_on",
    ),
    Mutant(
        "over-fitting: of a net that has its best weights again",
        CURVES,
        "case.held_loss() < ROSE * held[best]",
        "False",
        f"{THRESHOLDS}test_a_net_with_its_best_weights_again_is_not_over_fitted",
    ),
    Mutant(
        "over-fitting: told before early stopping can come",
        CURVES,
        "PATIENCE = 30",
        "PATIENCE = 10",
        f"{BESIDE}test_over_fitting_is_told_while_it_goes_on_after_more_epochs_than_one_waits",
    ),
    Mutant(
        "not finite: the last layer that has it",
        FINITENESS,
        "for call in calls:",
        "for call in calls[::-1]:",
        f"{NOT_FINITE}test_a_layer_that_gives_nan_forward_is_named_before_those_after_it",
    ),
    Mutant(
        "not finite: in prediction only",
        FINITENESS,
        "for calls in (case.predicting, case.learning):",
        "for calls in (case.predicting,):",
        f"{NOT_FINITE}test_a_layer_that_gives_nan_in_training_only",
    ),
    Mutant(
        "not finite: no look at gradients of parameters",
        FINITENESS,
        "finite(call.went) and not name",
        "finite(call.went)",
        f"{NOT_FINITE}test_a_gradient_of_a_parameter_is_named",
    ),
    Mutant(
        "not finite: running state not looked at",
        GIVEN,
        "(*layer.param_names, *layer.state_names)",
        "layer.param_names",
        f"{NOT_FINITE}test_running_state_is_named",
    ),
    Mutant(
        "a trial: at the rate that the optimizer began with",
        FINITENESS,
        "rate = last or optimizer.learning_rate",
        "rate = optimizer.learning_rate",
        f"{NOT_FINITE}test_the_rate_tried_is_the_last_that_was_reported",
    ),
    Mutant(
        "a trial: the rate is blamed in any case",
        FINITENESS,
        "if fits is None:\n        return [first]\n",
        "fits = fits or rate\n",
        f"{NOT_FINITE}test_where_no_rate_helps_none_is_blamed",
    ),
    Mutant(
        "a trial: of a training that ended",
        DIAGNOSE,
        'diverged=not why or why.startswith("diverged"),',
        "diverged=True,",
        f"{NOT_FINITE}test_a_training_that_ended_is_not_tried_again",
    ),
    Mutant(
        "calls: layers within layers not watched",
        CALLS,
        'yield from places(inner, f"{where}: ")',
        "pass",
        f"{THRESHOLDS}test_units_are_found_in_layers_within_layers",
    ),
    Mutant(
        "calls: the net itself watched, no copy",
        CALLS,
        "twin, calls = copy.deepcopy(net), list[Call]()",
        "twin, calls = net, list[Call]()",
        f"{BESIDE}test_nothing_of_what_is_given_is_changed",
    ),
    Mutant(
        "patient: the net predicts itself",
        PATIENT,
        "twin = copy.deepcopy(net)  # what",
        "twin = net  # what",
        f"{BESIDE}test_nothing_of_what_is_given_is_changed",
    ),
    Mutant(
        "patient: the loss itself is used",
        PATIENT,
        "copy.deepcopy(loss or usual_loss(net, y))",
        "loss or usual_loss(net, y)",
        f"{BESIDE}test_nothing_of_what_is_given_is_changed",
    ),
    Mutant(
        "patient: the weights of classes forgotten",
        PATIENT,
        "(), sample_weight, class_weight",
        "(), sample_weight, None",
        f"{CONSTANTS}test_weights_of_classes_are_those_of_the_training",
    ),
    Mutant(
        "case: all rows said to be looked at",
        CASE,
        "if n == self.rows else",
        "if True else",
        f"{THRESHOLDS}test_of_many_rows_some_are_looked_at_and_the_evidence_says_so",
    ),
    Mutant(
        "diagnosis: what another finding explains is told too",
        DIAGNOSE,
        "there.isdisjoint(EXPLAINED_BY.get(f.sickness, ()))",
        "True",
        f"{THRESHOLDS}test_units_that_pass_nothing_back_explain_a_gradient_that_vanished",
    ),
    Mutant(
        "diagnosing: the same sickness again and again",
        DIAGNOSING,
        "told.add(finding.sickness)",
        "pass",
        f"{BESIDE}test_each_sickness_is_told_once_with_its_epoch_evidence_and_advice",
    ),
    Mutant(
        "diagnosing: nothing at the end",
        DIAGNOSING,
        "raise\n    _warn(patient, seen, told)",
        "raise",
        f"{BESIDE}test_what_may_still_be_learned_is_told_at_the_end_only",
    ),
    Mutant(
        "diagnosing: nothing where it diverges",
        DIAGNOSING,
        "_warn(patient, seen, told, diverged=True)",
        "pass",
        f"{BESIDE}test_a_training_that_diverges_is_told_of_before_it_ends",
    ),
    Mutant(
        "diagnosing: what may still be learned is told at once",
        DIAGNOSING,
        "_warn(patient, seen, told, going_on=True)",
        "_warn(patient, seen, told)",
        f"{BESIDE}test_what_may_still_be_learned_is_told_at_the_end_only",
    ),
    Mutant(
        "constants: the mean for the median",
        ANSWERS,
        "[mean, np.median(y, axis=0)]",
        "[mean]",
        f"{CONSTANTS}test_it_is_the_one_on_paper",
    ),
    Mutant(
        "bad input: anything is a history",
        DIAGNOSE,
        "not all(isinstance(report, Report) for report in reports)",
        "False",
        f"{BAD}test_a_history_is_a_history_or_reports",
    ),
]

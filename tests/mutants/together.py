"""Epochs run ahead, predictions and many nets at once broken."""

from tests.mutants.run import Mutant

AHEAD = "tests/engines/test_ahead.py::"
PREDICTING = "tests/engines/test_predicting.py::"
AT_ONCE = "tests/engines/test_predicting_in_threads.py::"
MANY = "tests/training/test_fit_many.py::"
ENGINE = "engines/compiled/engine.py"
CALLS = "engines/compiled/calls.py"
PREDICTOR = "engines/compiled/predictor.py"
FIT_MANY = "fitting/fit_many.py"

MUTANTS = [
    Mutant(
        "predicting: by the layers of the net itself",
        "net.py",
        "predicting_twin(self)",
        "self",
        f"{AT_ONCE}test_each_thread_is_given_the_predictions_of_its_own_rows[a layer]",
    ),
    Mutant(
        "predicting: a twin in the mode of the net",
        "layers/layer.py",
        "    _put_into_prediction_mode(twin)\n",
        "",
        f"{AT_ONCE}test_calls_that_overlap_are_all_in_prediction_mode",
    ),
    Mutant(
        "predicting: a twin that shares the lists of its page",
        "page.py",
        "if type(value) in (list, tuple):",
        "if type(value) is tuple:",
        f"{AT_ONCE}test_each_thread_is_given_the_predictions_of_its_own_rows"
        "[a layer with a list and a layer]",
    ),
    Mutant(
        "evaluating: by the loss itself",
        "training/evaluate.py",
        "twin_of(loss)",
        "loss",
        f"{AT_ONCE}test_one_loss_judges_in_several_threads",
    ),
    Mutant(
        "ahead: the net shows the weights of the last epoch of a call",
        ENGINE,
        "_copy(self._after(i), weights)",
        "pass",
        f"{AHEAD}test_each_epoch_leaves_what_it_leaves_alone[sizes1]",
    ),
    Mutant(
        "ahead: put back to the beginning of the call",
        ENGINE,
        "self.before = self._after(i - 1) if i else self.start",
        "pass",
        f"{AHEAD}test_what_is_put_back_is_the_end_of_the_epoch_before[3-compiled]",
    ),
    Mutant(
        "ahead: put back to the epoch that diverged",
        ENGINE,
        "self.before = self._after(done - 1) if done else self.start",
        "pass",
        f"{AHEAD}test_a_step_that_overflows_is_told_in_its_own_epoch[4]",
    ),
    Mutant(
        "ahead: weights that are not finite not noticed",
        "engines/compiled/program.py",
        '        *_check(elements, "P", whole(0), n_parameters, Var("n_all", "int")),\n',
        "",
        f"{AHEAD}test_a_step_that_overflows_is_told_in_its_own_epoch[1]",
    ),
    Mutant(
        "ahead: the last epochs begin from another order",
        "training/train.py",
        "orders[before - self.epochs :]",
        "orders[: self.epochs - before]",
        f"{MANY}test_epochs_run_ahead_are_those_of_train[5]",
    ),
    Mutant(
        "calls: all rounds given the first part",
        CALLS,
        "_address(array) + array.strides[0] * np.arange(rounds)",
        "_address(array)",
        f"{AHEAD}test_each_epoch_leaves_what_it_leaves_alone[sizes0]",
    ),
    Mutant(
        "calls: going on after one that did not finish",
        CALLS,
        'b.and_(b.icmp_signed("<", i, count), going_on)',
        'b.icmp_signed("<", i, count)',
        f"{AHEAD}test_a_step_that_overflows_is_told_in_its_own_epoch[4]",
    ),
    Mutant(
        "predictor: a changed setting not seen",
        PREDICTOR,
        "if CHANGES[0] != self.changes:",
        "if False:",
        f"{PREDICTING}test_what_changes_is_seen[change_a_setting]",
    ),
    Mutant(
        "predictor: a layer replaced in the list not seen",
        PREDICTOR,
        "if layers != before:",
        "if False:",
        f"{PREDICTING}test_what_changes_is_seen[replace_a_layer]",
    ),
    Mutant(
        "predictor: a table written into not seen",
        PREDICTOR,
        "np.array_equal(table, copy)",
        "True",
        f"{PREDICTING}test_a_table_that_is_written_into_is_seen",
    ),
    Mutant(
        "predictor: infinity predicted from",
        "engines/compiled/program.py",
        'checked = _check(elements, "X", begin, times(ROWS, whole(width)), START)',
        "checked = []",
        f"{PREDICTING}test_infinity_that_a_layer_would_make_finite_is_refused_too",
    ),
    Mutant(
        "predictor: memory shared by threads",
        PREDICTOR,
        "few = self.few.pop() if self.few else _Few(self)",
        "few = self.few[0]",
        f"{PREDICTING}test_threads_do_not_disturb_each_other",
    ),
    Mutant(
        "predictor: its memory handed out",
        PREDICTOR,
        "return self.p[:n].copy()",
        "return self.p[:n]",
        f"{PREDICTING}test_the_result_belongs_to_who_asked",
    ),
    Mutant(
        "predictor: an index out of range followed",
        PREDICTOR,
        "all(bound.holds(x) for bound in self.bounds)",
        "True",
        f"{PREDICTING}test_an_index_out_of_range_is_refused",
    ),
    Mutant(
        "many: a generator shared by all runs",
        FIT_MANY,
        'arguments["rng"].spawn(1)[0]',
        'arguments["rng"]',
        f"{MANY}test_a_generator_gives_each_run_a_stream_of_its_own",
    ),
    Mutant(
        "many: a loss shared by all runs",
        FIT_MANY,
        'copy.deepcopy(arguments["loss"])',
        'arguments["loss"]',
        f"{MANY}test_each_run_has_a_loss_of_its_own",
    ),
    Mutant(
        "many: threads of BLAS not put back",
        "engines/threads.py",
        "min([before, *self._most()])",
        "min([1, *self._most()])",
        f"{MANY}test_threads_of_blas_are_few_meanwhile_and_as_before_afterwards",
    ),
]

"""Passes broken: lowering, rewriting, and what the recorder refuses."""

from tests.mutants.run import Mutant

PASSES = "tests/graph/test_passes.py::"
ONE_LINERS = "tests/graph/test_one_liners.py::test_an_operation_is_itself_after_all_passes"
IDENTITIES = "tests/graph/test_identities.py::"
NO_IDENTITY = f"{IDENTITIES}test_what_only_looks_like_an_identity_is_left_alone"
AN_IDENTITY = f"{IDENTITIES}test_each_identity_gives_the_same_numbers"
NO_NEUTRAL = f"{IDENTITIES}test_what_is_no_neutral_element_stays"
NOT_SHARED = f"{IDENTITIES}test_what_differs_in_a_constant_is_not_shared"
RECORDING = "tests/graph/test_recording.py::"
REFUSALS = "tests/graph/test_refusals.py::"
LOWER = "graph/passes/lower.py"
SIMPLIFY = "graph/passes/simplify.py"
STABILIZE = "graph/passes/stabilize.py"
TAPE = "graph/tape.py"
RECORDER = "graph/recorder.py"

LOWERING = [
    Mutant(
        "lower: the next axis reduced",
        LOWER,
        "tuple(i % rank for i",
        "tuple((i + 1) % rank for i",
        f"{ONE_LINERS}[sum over rows]",
    ),
    Mutant(
        "lower: keepdims lost",
        LOWER,
        "len(node.shape) == rank",
        "False",
        f"{PASSES}test_the_few_operations_say_what_the_page_says[True-Softmax]",
    ),
    Mutant(
        "lower: a variance's ddof ignored",
        LOWER,
        'node.options.get("ddof", 0)',
        "0",
        f"{ONE_LINERS}[variance with ddof]",
    ),
    Mutant(
        "lower: a mean divided by the rows alone",
        LOWER,
        "at(shape[i], n) for i in axes]",
        "at(shape[i], n) for i in axes[:1]]",
        f"{ONE_LINERS}[mean of all]",
    ),
    Mutant(
        "lower: the bounds of clip swapped",
        LOWER,
        'new.add("maximum", (x, low)',
        'new.add("minimum", (x, low)',
        f"{ONE_LINERS}[clip]",
    ),
    Mutant(
        "lower: a product's operand transposed",
        LOWER,
        '"j,jk->k"',
        '"j,kj->k"',
        f"{ONE_LINERS}[vector times matrix]",
    ),
    Mutant(
        "lower: a view begins at the array's first number",
        LOWER,
        "return start, array.strides",
        "return 0, array.strides",
        f"{ONE_LINERS}[last column]",
    ),
    Mutant(
        "lower: negative strides made positive",
        LOWER,
        "return start, array.strides",
        "return start, tuple(map(abs, array.strides))",
        f"{ONE_LINERS}[columns in reverse]",
    ),
    Mutant(
        "lower: a view that NumPy copies let pass",
        LOWER,
        "if not 0 <= start <= max(base.size - 1, 0):",
        "if False:",
        f"{PASSES}test_a_view_that_numpy_would_copy_is_refused",
    ),
    Mutant(
        "lower: a slice written beside its place",
        "graph/passes/core.py",
        "x.reshape(-1)[offset:]",
        "x.reshape(-1)[offset - 1 :]",
        f"{ONE_LINERS}[a column written]",
    ),
]

REWRITING = [
    Mutant(
        "sharing: all tables of a shape taken for one",
        SIMPLIFY,
        "value.dtype.str, value.tobytes()",
        "value.dtype.str",
        f"{NOT_SHARED}[tables]",
    ),
    Mutant(
        "sharing: sums with and without keepdims",
        SIMPLIFY,
        "_key(node.options), node.dtype",
        "node.dtype",
        f"{NOT_SHARED}[kept axes]",
    ),
    Mutant(
        "sharing: sums over different axes",
        SIMPLIFY,
        "(type(value).__name__, *map(_key, value))",
        "(type(value).__name__, *map(_key, value[:1]))",
        f"{PASSES}test_sums_over_different_axes_are_kept_apart",
    ),
    Mutant(
        "sharing: 1 and 1.0 the same constant",
        SIMPLIFY,
        "return (type(value).__name__, value)",
        "return value",
        f"{PASSES}test_one_and_true_are_not_the_same_constant",
    ),
    Mutant(
        "sharing: two random draws become one",
        SIMPLIFY,
        'if node.operation == "random":',
        "if False:",
        f"{IDENTITIES}test_two_random_draws_stay_two",
    ),
    Mutant(
        "folding: x * 0 becomes x",
        SIMPLIFY,
        '"multiply": 1,',
        '"multiply": 0,',
        f"{NO_NEUTRAL}[0]",
    ),
    Mutant(
        "folding: 0 - x becomes x",
        SIMPLIFY,
        'in ("add", "multiply") and',
        'in ("add", "multiply", "subtract") and',
        f"{NO_NEUTRAL}[zero minus]",
    ),
    Mutant(
        "folding: 1 / x becomes x",
        SIMPLIFY,
        'in ("add", "multiply") and',
        'in ("add", "multiply", "divide") and',
        f"{NO_NEUTRAL}[one over]",
    ),
    Mutant(
        "folding: the shape of larger zeros lost",
        SIMPLIFY,
        "same.shape == node.shape and",
        "",
        f"{NO_NEUTRAL}[larger zeros]",
    ),
    Mutant(
        "folding: the type of a product lost",
        SIMPLIFY,
        "and same.dtype == node.dtype",
        "",
        f"{NO_NEUTRAL}[of another type]",
    ),
    Mutant(
        "dead code: takes what the later results need",
        "graph/passes/builder.py",
        "for i in (*graph.outputs.values(), *draws) if",
        "for i in list(graph.outputs.values())[:1] if",
        f"{IDENTITIES}test_every_result_outlives_dead_code",
    ),
    Mutant(
        "stabilize: any quotient taken for a softmax",
        STABILIZE,
        '_is(new, e, "exp")',
        "isinstance(e, Ref)",
        f"{PASSES}test_a_quotient_that_is_no_softmax_is_left_alone",
    ),
    Mutant(
        "stabilize: a softmax over the rows taken for one",
        STABILIZE,
        "new[s].shape == (new[e].shape[0], 1)",
        "True",
        f"{NO_IDENTITY}[log of a quotient by columns]",
    ),
    Mutant(
        "stabilize: log s added",
        STABILIZE,
        '"subtract", (u, log_s)',
        '"add", (u, log_s)',
        f"{AN_IDENTITY}[the log of a softmax-subtract]",
    ),
    Mutant(
        "stabilize: cancels with another array",
        STABILIZE,
        "if _is_same(other, a) and",
        "if",
        f"{NO_IDENTITY}[times a quotient of another]",
    ),
    Mutant(
        "stabilize: cancels in a sum",
        STABILIZE,
        'elif _is(new, divisor, "multiply")',
        "elif isinstance(divisor, Ref)",
        f"{NO_IDENTITY}[times a quotient of a sum]",
    ),
    Mutant(
        "stabilize: c of another shape for a (c / a)",
        STABILIZE,
        "if _is_same(divisor, a) and new[c].shape == node.shape:",
        "if _is_same(divisor, a):",
        f"{NO_IDENTITY}[times a quotient of a row]",
    ),
    Mutant(
        "stabilize: a (c / b) taken for c",
        STABILIZE,
        "elif _is_same(divisor, a):",
        "elif not _is_same(divisor, a):",
        f"{AN_IDENTITY}[times its own quotient of a number-fill]",
    ),
    Mutant(
        "stabilize: scatters into anything taken for zeros",
        STABILIZE,
        "new[zeros].arguments[1] == 0 and",
        "",
        f"{NO_IDENTITY}[times a scatter into ones]",
    ),
    Mutant(
        "stabilize: a sum over any axis",
        STABILIZE,
        "node.arguments[1] != (1,)",
        "False",
        f"{NO_IDENTITY}[sum of a scatter over the rows]",
    ),
    Mutant(
        "stabilize: a scatter into any rows",
        STABILIZE,
        'isinstance(rows, Rule) and rows.text == "arange(n)" and',
        "",
        f"{NO_IDENTITY}[sum of a scatter into other rows]",
    ),
]

RECORDED = [
    Mutant(
        "recorder: prediction recorded as training",
        RECORDER,
        "page.training = training",
        "page.training = True",
        f"{RECORDING}test_each_mode_is_recorded_apart",
    ),
    Mutant(
        "recorder: the second step not looked at",
        RECORDER,
        "    check_second_step(tapes[0], again)\n",
        "",
        f"{REFUSALS}test_a_page_whose_second_step_differs_is_refused",
    ),
    Mutant(
        "recorder: the constants of the second step not looked at",
        "graph/second_step.py",
        "return step.operation, step.origin, step.arguments, step.options",
        "return step.operation, step.origin",
        "tests/graph/test_kept_sizes.py::test_a_number_of_the_step_before_is_still_refused",
    ),
    Mutant(
        "recorder: a size of the step before is read",
        RECORDER,
        "                page.__dict__.pop(name, None)\n",
        "                pass\n",
        "tests/graph/test_kept_sizes.py::test_a_page_that_keeps_a_size_records",
    ),
    Mutant(
        "recorder: steps that differ with the rows let pass",
        RECORDER,
        "if len({len(tape.steps) for tape in tapes}) > 1:",
        "if False:",
        f"{REFUSALS}test_a_page_that_cannot_be_recorded_is_refused_with_its_line",
    ),
    Mutant(
        "recorder: writes into a view not looked at in the end",
        RECORDER,
        "        step.tape.finish()\n",
        "",
        f"{REFUSALS}test_a_page_that_cannot_be_recorded_is_refused_with_its_line",
    ),
    Mutant(
        "recorder: in place changes the array's type",
        TAPE,
        "if result.dtype != target.dtype:",
        "if False:",
        f"{IDENTITIES}test_in_place_keeps_the_arrays_own_type",
    ),
    Mutant(
        "recorder: the rate of an optimizer baked in",
        "graph/trace.py",
        "rule.learning_rate, learning_rate",
        "rule.learning_rate, rule.learning_rate",
        f"{REFUSALS}test_a_rate_read_from_the_optimizer_is_no_constant",
    ),
]

MUTANTS = [*LOWERING, *REWRITING, *RECORDED]

"""The compiler broken, from passes to choice of engine: a table, and so as long as it is."""

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
STORAGE = "tests/engines/test_storage.py::"
LOOPS = "tests/engines/test_loops.py::"
ONE_LOOP = f"{LOOPS}test_a_page_of_one_operation_is_itself_as_a_program"
AS_NUMPY = f"{LOOPS}test_machine_code_computes_what_numpy_does_with_nan_and_infinities_too"
STEPS = "tests/engines/test_steps.py::"
COMPILED = "tests/engines/test_compiled.py::"
CACHE = "tests/engines/test_cache.py::"
CHOICE = "tests/engines/test_choice.py::"
FITTING = "test_no_node_lies_where_another_that_is_still_read_does"

LOWER = "graph/passes/lower.py"
SIMPLIFY = "graph/passes/simplify.py"
STABILIZE = "graph/passes/stabilize.py"
TAPE = "graph/tape.py"
RECORDER = "graph/recorder.py"
CHOOSE = "engines/choice.py"
ENGINE = "engines/compiled/engine.py"
PLACES = "engines/compiled/storage.py"
NESTS = "engines/compiled/nests.py"
ELEMENTS = "engines/compiled/elements.py"
PROGRAM = "engines/compiled/program.py"
UPDATE = "engines/compiled/update.py"
WRITER = "engines/compiled/llvm.py"
MATHEMATICS = "engines/compiled/mathematics.py"
KEPT = "engines/compiled/cache.py"

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
        "for i in graph.outputs.values() if",
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
        "new[s].shape[1:] == (1,)",
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
        "if other == a and",
        "if",
        f"{NO_IDENTITY}[times a quotient of another]",
    ),
    Mutant(
        "stabilize: cancels in a sum",
        STABILIZE,
        'not _is(new, divisor, "multiply")',
        "not isinstance(divisor, Ref)",
        f"{NO_IDENTITY}[times a quotient of a sum]",
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
        "    _check_second_step(tape, again)\n",
        "",
        f"{REFUSALS}test_a_page_whose_second_step_differs_is_refused",
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
        "        tape.finish()\n",
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

STORED = [
    Mutant(
        "storage: memory given back while it is still read",
        PLACES,
        "if part[0] < k]",
        "if part[0] <= k]",
        f"{STORAGE}{FITTING}",
    ),
    Mutant(
        "storage: the first use taken for the last",
        PLACES,
        "return max(uses, default=0)",
        "return min(uses, default=0)",
        f"{STORAGE}{FITTING}",
    ),
    Mutant(
        "storage: uses through a view forgotten",
        PLACES,
        "else last_use(u) for u",
        "else 0 for u",
        f"{STORAGE}{FITTING}",
    ),
    Mutant(
        "storage: results written over at the end",
        PLACES,
        "            return forever\n",
        "            return position.get(i, 0)\n",
        f"{STORAGE}{FITTING}",
    ),
    Mutant(
        "storage: less taken than asked for",
        PLACES,
        "        size = -(-size // ALIGNMENT) * ALIGNMENT\n",
        "        size = size // ALIGNMENT * ALIGNMENT\n",
        f"{STORAGE}test_what_lives_at_the_same_time_never_overlaps",
    ),
    Mutant(
        "storage: a gap of another type taken",
        PLACES,
        "if part[0] == type and",
        "if",
        f"{STORAGE}test_types_have_buffers_of_their_own",
    ),
    Mutant(
        "storage: the rest of a gap lost",
        PLACES,
        "if best[2] > size:",
        "if False:",
        f"{STORAGE}test_memory_given_back_is_used_again",
    ),
    Mutant(
        "storage: what is broadcast computed again each time",
        PLACES,
        "return user.shape == node.shape",
        "return True",
        f"{STORAGE}test_what_is_broadcast_is_not_computed_again_for_each_element",
    ),
    Mutant(
        "storage: nothing fused into reductions",
        PLACES,
        "return user.operation in REDUCTIONS",
        "return False",
        f"{STORAGE}test_elementwise_operations_are_fused_into_the_reduction_that_uses_them",
    ),
    Mutant(
        "storage: no room for a whole batch",
        PLACES,
        "at(length, batch_size)",
        "at(length, batch_size - 1)",
        f"{STORAGE}{FITTING}",
    ),
    Mutant(
        "index check: bounded by the larger table",
        "engines/compiled/build.py",
        "= min(size, bounds.get",
        "= max(size, bounds.get",
        f"{STORAGE}test_an_index_into_two_tables_is_bounded_by_the_smaller[sizes0]",
    ),
    Mutant(
        "index check: one too many let pass",
        ENGINE,
        ".max() >= bound",
        ".max() > bound",
        f"{COMPILED}test_an_index_out_of_range_is_refused_before_machine_code_reads_there[5]",
    ),
    Mutant(
        "index check: negative ones let pass",
        ENGINE,
        "part.min() < 0 or",
        "",
        f"{COMPILED}test_an_index_out_of_range_is_refused_before_machine_code_reads_there[-1]",
    ),
]

LOOPED = [
    Mutant(
        "loops: a sum not cleared before it is added to",
        NESTS,
        "return clear + around(shape",
        "return around(shape",
        f"{STORAGE}test_a_program_stays_inside_its_memory_and_reads_nothing_left_over[7-classifier]",
    ),
    Mutant(
        "loops: a product not cleared before it is added to",
        NESTS,
        "return clear + loops(",
        "return loops(",
        f"{COMPILED}test_every_layer[3-float64-Linear]",
    ),
    Mutant(
        "loops: the last row taken for the sum",
        NESTS,
        "added = Call(step, (elements.element(i, target), number), type)",
        "added = number",
        f"{ONE_LOOP}[python_caller-sum over rows]",
    ),
    Mutant(
        "loops: the last product taken for the sum",
        NESTS,
        'added = Call("add", (elements.element(i, target), product), type)',
        "added = product",
        f"{ONE_LOOP}[python_caller-matrix times matrix]",
    ),
    Mutant(
        "loops: max starts at 0",
        NESTS,
        '"max": -np.inf',
        '"max": 0.0',
        f"{ONE_LOOP}[python_caller-max below zero]",
    ),
    Mutant(
        "loops: min starts at 0",
        NESTS,
        '"min": np.inf',
        '"min": 0.0',
        f"{ONE_LOOP}[python_caller-min above zero]",
    ),
    Mutant(
        "loops: argmax takes the last of equals",
        NESTS,
        'Call("greater", (number, best)',
        'Call("greater_equal", (number, best)',
        f"{ONE_LOOP}[python_caller-argmax of equals]",
    ),
    Mutant(
        "loops: a sum kept at another axis",
        NESTS,
        "[whole(0) if axis in axes else index[axis]",
        "[whole(0) if axis not in axes else index[axis]",
        f"{ONE_LOOP}[python_caller-sum over rows, kept]",
    ),
    Mutant(
        "loops: the diagonal instead of the picked column",
        NESTS,
        "found.append(whole(int(part)))",
        "found.append(index[0])",
        f"{ONE_LOOP}[python_caller-a column picked by number]",
    ),
    Mutant(
        "loops: repeated indices overwrite each other",
        NESTS,
        'if node.operation == "add_at":',
        "if False:",
        f"{COMPILED}test_an_embedding_with_scattered_gradients",
    ),
    Mutant(
        "loops: scattered into what was left there",
        NESTS,
        "return _copy(elements, i, x) + around(shape, index, put",
        "return around(shape, index, put",
        f"{COMPILED}test_an_embedding_with_scattered_gradients",
    ),
    Mutant(
        "loops: a slice written, the rest left over",
        NESTS,
        "return _copy(elements, i, x) + around(shape, index, [Store",
        "return around(shape, index, [Store",
        f"{ONE_LOOP}[python_caller-a column written]",
    ),
    Mutant(
        "loops: wrong leading dimension of a product",
        NESTS,
        "c = Matrix(place.buffer, place.offset, width)",
        "c = Matrix(place.buffer, place.offset, extent(sizes[k]))",
        f"{COMPILED}test_large_products_go_to_blas_and_give_the_same[float64]",
    ),
    Mutant(
        "elements: a view read from the array's first number",
        ELEMENTS,
        "extent(offset)",
        "whole(0)",
        f"{ONE_LOOP}[python_caller-last column]",
    ),
    Mutant(
        "elements: broadcast along the wrong side",
        ELEMENTS,
        "own = index[len(index) - len(shape) :]",
        "own = index[: len(shape)]",
        f"{ONE_LOOP}[python_caller-sum over rows]",
    ),
    Mutant(
        "elements: numbers compared as whole numbers",
        ELEMENTS,
        "return max(kinds",
        "return min(kinds",
        f"{ONE_LOOP}[python_caller-comparison with whole numbers]",
    ),
    Mutant(
        "elements: a second table read from the first",
        ELEMENTS,
        "for table in self.tables[:-1])",
        "for table in ())",
        f"{ONE_LOOP}[python_caller-two tables]",
    ),
    Mutant(
        "elements: tables in single precision",
        ELEMENTS,
        "np.ascontiguousarray(array, np.float64)",
        "np.ascontiguousarray(array, np.float32)",
        f"{ONE_LOOP}[python_caller-a table]",
    ),
    Mutant(
        "ragged: constants of a full batch",
        ELEMENTS,
        'times(Var("ragged", "int"), Var("n_rules", "int"))',
        "whole(0)",
        f"{STEPS}test_other_rows_of_the_same_shape_are_taken_and_any_number_of_them",
    ),
    Mutant(
        "ragged: as many rows as in a full batch",
        "engines/compiled/runner.py",
        "(self.batch_size, rest or self.batch_size)",
        "(self.batch_size, self.batch_size)",
        f"{STEPS}test_other_rows_of_the_same_shape_are_taken_and_any_number_of_them",
    ),
    Mutant(
        "ragged: n not reduced",
        PROGRAM,
        'Call("minimum", (whole(batch_size), left), "int")',
        "whole(batch_size)",
        f"{STORAGE}test_a_program_stays_inside_its_memory_and_reads_nothing_left_over[7-classifier]",
    ),
    Mutant(
        "program: the batch copied after it is read",
        PROGRAM,
        "        *copied,\n        *nests(elements, stored, batch_size),\n",
        "        *nests(elements, stored, batch_size),\n        *copied,\n",
        f"{STORAGE}test_a_program_stays_inside_its_memory_and_reads_nothing_left_over[7-classifier]",
    ),
    Mutant(
        "program: targets in another order than inputs",
        PROGRAM,
        'Load("O", plus(START, position), "int")',
        "plus(START, position)",
        f"{STEPS}test_predictions_stand_in_the_order_of_the_visit",
    ),
    Mutant(
        "program: the loss of a batch not weighted by its rows",
        PROGRAM,
        'Call("multiply", (value, rows), "double")',
        "value",
        f"{STEPS}test_the_loss_of_a_short_last_batch_counts_by_its_rows",
    ),
    Mutant(
        "program: divergence not reported",
        PROGRAM,
        "        ReturnIf(diverged, START),\n",
        "",
        f"{STEPS}test_divergence_is_told_in_its_own_batch_before_anything_moves[0-False]",
    ),
    Mutant(
        "program: weights moved before the loss is looked at",
        PROGRAM,
        "        *_check_loss(elements),\n"
        "        *moved(elements),\n"
        "        *update(rule, trainable, elements),\n",
        "        *moved(elements),\n"
        "        *update(rule, trainable, elements),\n"
        "        *_check_loss(elements),\n",
        f"{COMPILED}test_divergence_names_the_batch_and_leaves_before_its_update",
    ),
    Mutant(
        "engine: divergence reported a batch late",
        ENGINE,
        "stopped // self.batch_size + 1",
        "stopped // self.batch_size + 2",
        f"{STEPS}test_divergence_is_told_in_its_own_batch_before_anything_moves[0-False]",
    ),
    Mutant(
        "engine: steps counted anew each epoch",
        ENGINE,
        "        self.step += steps\n",
        "",
        f"{STEPS}test_steps_are_counted_from_one_and_on_through_the_epochs",
    ),
    Mutant(
        "engine: rows of the first epoch used for ever",
        ENGINE,
        "if self._seen[0] is not x or self._seen[1] is not y:",
        "if self._seen[0] is None:",
        f"{STEPS}test_other_rows_of_the_same_shape_are_taken_and_any_number_of_them",
    ),
    Mutant(
        "program: gradients after a frozen layer displaced",
        PROGRAM,
        "            offset += size\n            if i is None:\n                continue\n",
        "            if i is None:\n                continue\n            offset += size\n",
        f"{STEPS}test_gradients_of_the_others_stay_in_their_place_where_one_layer_is_frozen[1]",
    ),
    Mutant(
        "program: state written before it was read",
        PROGRAM,
        'direct = buffer == "G" and',
        "direct =",
        f"{STEPS}test_state_is_read_as_it_was_before_the_step[3]",
    ),
    Mutant(
        "update: steps counted from zero",
        UPDATE,
        'plus(Var("step", "int"), whole(1))',
        'Var("step", "int")',
        f"{COMPILED}test_every_optimizer[float64-<lambda>1]",
    ),
    Mutant(
        "update: memory follows the weights after the step",
        UPDATE,
        "if i in targets or len(users[i]) > 1:",
        "if len(users[i]) > 2:",
        f"{STEPS}test_the_memory_of_an_optimizer_follows_the_weights_before_its_step",
    ),
    Mutant(
        "update: frozen layers move",
        UPDATE,
        "for part in trainable:",
        "for part in [slice(0, trainable[-1].stop)]:",
        f"{STEPS}test_gradients_of_the_others_stay_in_their_place_where_one_layer_is_frozen[0]",
    ),
]

WRITTEN = [
    Mutant(
        "LLVM: NaN swallowed by maximum and minimum",
        WRITER,
        "b.select(b.or_(wins, nan), *values)",
        "b.select(wins, *values)",
        f"{AS_NUMPY}[numbers-float64]",
    ),
    Mutant(
        "LLVM: NaN equal to NaN",
        WRITER,
        'if sign == "!=":',
        "if False:",
        f"{AS_NUMPY}[numbers-float32]",
    ),
    Mutant(
        "LLVM: NaN and infinity assumed never to be",
        MATHEMATICS,
        'FAST = ("reassoc",',
        'FAST = ("nnan", "ninf", "reassoc",',
        f"{ONE_LOOP}[machine_code_caller-NaN made and seen]",
    ),
    Mutant(
        "LLVM: infinity taken for finite",
        WRITER,
        'fcmp_ordered("==", difference',
        'fcmp_unordered("==", difference',
        f"{AS_NUMPY}[numbers-float64]",
    ),
    Mutant(
        "LLVM: the cast of true gives -1",
        WRITER,
        'b.uitofp(value, kind) if source == "bool"',
        'b.sitofp(value, kind) if source == "bool"',
        f"{LOOPS}test_a_cast_gives_what_numpys_astype_gives[machine_code_caller-bool]",
    ),
    Mutant(
        "LLVM: a fraction taken for false",
        WRITER,
        'b.fcmp_unordered("!=", value, ir.Constant(value.type, 0.0))',
        "b.trunc(b.fptosi(value, INT), BIT)",
        f"{LOOPS}test_a_cast_gives_what_numpys_astype_gives[machine_code_caller-float]",
    ),
    Mutant(
        "LLVM: the operands of BLAS swapped",
        WRITER,
        "for m in (product.b, product.a))",
        "for m in (product.a, product.b))",
        f"{COMPILED}test_large_products_go_to_blas_and_give_the_same[float32]",
    ),
    Mutant(
        "LLVM: BLAS adds to what was left there",
        WRITER,
        "ir.Constant(number, 0.0)",
        "ir.Constant(number, 1.0)",
        f"{COMPILED}test_large_products_go_to_blas_and_give_the_same[float64]",
    ),
    Mutant(
        "LLVM: a transpose not told to BLAS",
        WRITER,
        'ord("T" if matrix.transposed else "N")',
        'ord("N")',
        f"{COMPILED}test_large_products_go_to_blas_and_give_the_same[float64]",
    ),
    Mutant(
        "LLVM: doubles rounded to single precision",
        WRITER,
        "if kind == SINGLE else float(value)",
        "if True else float(value)",
        f"{ONE_LOOP}[machine_code_caller-full]",
    ),
    Mutant(
        "tanh: a coefficient of float32 off",
        MATHEMATICS,
        "0.134503308",
        "0.134503408",
        f"{COMPILED}test_tanh_is_as_exact_as_its_type[float32]",
    ),
    Mutant(
        "tanh: 1 too early in float32",
        MATHEMATICS,
        "TANH_LIMIT = 7.9",
        "TANH_LIMIT = 6.9",
        f"{COMPILED}test_tanh_is_as_exact_as_its_type[float32]",
    ),
    Mutant(
        "tanh: a coefficient of float64 off",
        MATHEMATICS,
        "62 / 2835",
        "63 / 2835",
        f"{COMPILED}test_tanh_is_as_exact_as_its_type[float64]",
    ),
    Mutant(
        "tanh: float64's series used too far out",
        MATHEMATICS,
        "TANH_NEAR_ZERO = 0.05",
        "TANH_NEAR_ZERO = 0.5",
        f"{COMPILED}test_tanh_is_as_exact_as_its_type[float64]",
    ),
    Mutant(
        "printing: the branches of where swapped",
        "engines/compiled/loops.py",
        "({text_of(a)} if {text_of(condition)} else {text_of(b)})",
        "({text_of(b)} if {text_of(condition)} else {text_of(a)})",
        f"{ONE_LOOP}[python_caller-where]",
    ),
    Mutant(
        "python: a transposed operand read as it stands",
        "engines/compiled/python.py",
        "steps[::-1] if transposed else steps",
        "steps",
        f"{COMPILED}test_large_products_go_to_blas_and_give_the_same[float64]",
    ),
]

AROUND = [
    Mutant(
        "cache: the checksum not looked at",
        KEPT,
        "if hashlib.sha256(code).digest() == digest else None",
        "",
        f"{CACHE}test_a_damaged_file_is_made_anew",
    ),
    Mutant(
        "cache: files that others can write are run",
        KEPT,
        "or not _is_ours(file)",
        "",
        f"{CACHE}test_what_others_can_write_is_not_run[file]",
    ),
    Mutant(
        "cache: folders that others can write are read",
        KEPT,
        "not _is_ours(file.parent) or",
        "",
        f"{CACHE}test_what_others_can_write_is_not_run[folder]",
    ),
    Mutant(
        "cache: half a file left on a full disk",
        KEPT,
        "Path(temporary).unlink(missing_ok=True)",
        "pass",
        f"{CACHE}test_nothing_half_written_is_left_when_the_disk_is_full",
    ),
    Mutant(
        "cache: another processor's machine code run",
        "engines/compiled/machine_code.py",
        "{binding.get_host_cpu_name()} {_features()}",
        "{_features()}",
        f"{STEPS}test_machine_code_of_another_processor_is_not_used[get_host_cpu_name]",
    ),
    Mutant(
        "cache: machine code for other instructions run",
        "engines/compiled/machine_code.py",
        "{binding.get_host_cpu_name()} {_features()}",
        "{binding.get_host_cpu_name()}",
        f"{STEPS}test_machine_code_of_another_processor_is_not_used[get_host_cpu_features]",
    ),
    Mutant(
        "choice: compiled where it does not pay",
        CHOOSE,
        "and not pays(",
        "and pays(",
        f"{CHOICE}test_tiny_work_is_eager_and_long_work_compiled",
    ),
    Mutant(
        "choice: more work goes back to eager",
        CHOOSE,
        "steps * gain > COMPILING",
        "steps * gain < COMPILING",
        f"{CHOICE}test_more_of_anything_never_goes_back_to_eager",
    ),
    Mutant(
        "choice: eager training not told",
        CHOOSE,
        "        warnings.warn(",
        "        str(",
        f"{CHOICE}test_what_cannot_be_compiled_trains_eagerly_and_says_so",
    ),
    Mutant(
        "choice: compiled asked for, eager given",
        CHOOSE,
        'if choice == "compiled":',
        "if False:",
        f"{CHOICE}test_what_cannot_be_compiled_trains_eagerly_and_says_so",
    ),
]

COMPILER = [*LOWERING, *REWRITING, *RECORDED, *STORED, *LOOPED, *WRITTEN, *AROUND]

"""Loops broken: what is done to the numbers, and in which order."""

from tests.mutants.run import Mutant

STORAGE = "tests/engines/test_storage.py::"
LOOPS = "tests/engines/test_loops.py::"
ONE_LOOP = f"{LOOPS}test_a_page_of_one_operation_is_itself_as_a_program"
STEPS = "tests/engines/test_steps.py::"
COMPILED = "tests/engines/test_compiled.py::"
ENGINE = "engines/compiled/engine.py"
NESTS = "engines/compiled/nests.py"
MOVES = "engines/compiled/moves.py"
ELEMENTS = "engines/compiled/elements.py"
PROGRAM = "engines/compiled/program.py"
TOTALS = "engines/compiled/totals.py"
UPDATE = "engines/compiled/update.py"

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
        f"{ONE_LOOP}[PythonRunner-sum over rows]",
    ),
    Mutant(
        "loops: the last product taken for the sum",
        NESTS,
        'added = Call("add", (elements.element(i, target), product), type)',
        "added = product",
        f"{ONE_LOOP}[PythonRunner-matrix times matrix]",
    ),
    Mutant(
        "loops: max starts at 0",
        NESTS,
        '"max": -np.inf',
        '"max": 0.0',
        f"{ONE_LOOP}[PythonRunner-max below zero]",
    ),
    Mutant(
        "loops: min starts at 0",
        NESTS,
        '"min": np.inf',
        '"min": 0.0',
        f"{ONE_LOOP}[PythonRunner-min above zero]",
    ),
    Mutant(
        "loops: argmax takes the last of equals",
        NESTS,
        'Call("greater", (number, best)',
        'Call("greater_equal", (number, best)',
        f"{ONE_LOOP}[PythonRunner-argmax of equals]",
    ),
    Mutant(
        "loops: a sum kept at another axis",
        NESTS,
        "[whole(0) if axis in axes else index[axis]",
        "[whole(0) if axis not in axes else index[axis]",
        f"{ONE_LOOP}[PythonRunner-sum over rows, kept]",
    ),
    Mutant(
        "loops: the diagonal instead of the picked column",
        MOVES,
        "found.append(whole(int(part)))",
        "found.append(index[0])",
        f"{ONE_LOOP}[PythonRunner-a column picked by number]",
    ),
    Mutant(
        "loops: repeated indices overwrite each other",
        MOVES,
        'if node.operation == "add_at":',
        "if False:",
        f"{COMPILED}test_an_embedding_with_scattered_gradients",
    ),
    Mutant(
        "loops: scattered into what was left there",
        MOVES,
        "return _copy(elements, i, x) + around(shape, index, put",
        "return around(shape, index, put",
        f"{COMPILED}test_an_embedding_with_scattered_gradients",
    ),
    Mutant(
        "loops: a slice written, the rest left over",
        MOVES,
        "return _copy(elements, i, x) + around(shape, index, [Store",
        "return around(shape, index, [Store",
        f"{ONE_LOOP}[PythonRunner-a column written]",
    ),
    Mutant(
        "loops: wrong leading dimension of a product",
        NESTS,
        "c = Matrix(place.buffer, elements.flat(i, at_first), c_steps[m])",
        "c = Matrix(place.buffer, elements.flat(i, at_first), extent(sizes[k]))",
        f"{COMPILED}test_large_products_go_to_blas_and_give_the_same[float64]",
    ),
    Mutant(
        "elements: a view read from the array's first number",
        ELEMENTS,
        "extent(offset)",
        "whole(0)",
        f"{ONE_LOOP}[PythonRunner-last column]",
    ),
    Mutant(
        "elements: broadcast along the wrong side",
        ELEMENTS,
        "own = index[len(index) - len(shape) :]",
        "own = index[: len(shape)]",
        f"{ONE_LOOP}[PythonRunner-sum over rows]",
    ),
    Mutant(
        "elements: numbers compared as whole numbers",
        ELEMENTS,
        "return max(kinds",
        "return min(kinds",
        f"{ONE_LOOP}[PythonRunner-comparison with whole numbers]",
    ),
    Mutant(
        "elements: a second table read from the first",
        ELEMENTS,
        "for table in self.tables[:-1])",
        "for table in ())",
        f"{ONE_LOOP}[PythonRunner-two tables]",
    ),
    Mutant(
        "elements: tables in single precision",
        ELEMENTS,
        "np.ascontiguousarray(array, np.float64)",
        "np.ascontiguousarray(array, np.float32)",
        f"{ONE_LOOP}[PythonRunner-a table]",
    ),
    Mutant(
        "ragged: constants of a full batch",
        ELEMENTS,
        'times(Var("ragged", "int"), Var("n_rules", "int"))',
        "whole(0)",
        f"{STEPS}test_any_number_of_rows_is_taken[7]",
    ),
    Mutant(
        "ragged: as many rows as in a full batch",
        "engines/compiled/runner.py",
        "(self.batch_size, rest or self.batch_size)",
        "(self.batch_size, self.batch_size)",
        f"{STEPS}test_any_number_of_rows_is_taken[7]",
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
        "        *copied,\n        *count(elements, batches_count),\n"
        "        *nests(elements, stored, batch_size),\n",
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
        TOTALS,
        'Call("multiply", (value, counted), "double")',
        "value",
        f"{STEPS}test_the_loss_of_a_short_last_batch_counts_by_its_rows",
    ),
    Mutant(
        "program: divergence not reported",
        TOTALS,
        "        ReturnIf(diverged, START),\n",
        "",
        f"{STEPS}test_divergence_is_told_in_its_own_batch_before_anything_moves[0-False]",
    ),
    Mutant(
        "program: weights moved before the loss is looked at",
        PROGRAM,
        "        *add_loss(elements),\n"
        "        *moved(elements),\n"
        "        *update_all(updates, elements),\n",
        "        *moved(elements),\n"
        "        *update_all(updates, elements),\n"
        "        *add_loss(elements),\n",
        f"{COMPILED}test_divergence_names_the_batch_and_leaves_before_its_update",
    ),
    Mutant(
        "engine: divergence reported a batch late",
        ENGINE,
        "end - 1) // self.batch_size + 1",
        "end - 1) // self.batch_size + 2",
        f"{STEPS}test_divergence_is_told_in_its_own_batch_before_anything_moves[0-False]",
    ),
    Mutant(
        "program: steps counted anew each epoch",
        PROGRAM,
        '        Store("T", whole(0), Var("step", "int")),\n',
        "",
        f"{STEPS}test_steps_are_counted_from_one_and_on_through_the_epochs",
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
        'Let("step", plus(count, whole(1)))',
        'Let("step", count)',
        f"{STEPS}test_steps_are_counted_from_one_and_on_through_the_epochs",
    ),
    Mutant(
        "update: memory follows the weights after the step",
        UPDATE,
        "if i in kept or (",
        "if (",
        f"{STEPS}test_the_memory_of_an_optimizer_follows_the_weights_before_its_step",
    ),
    Mutant(
        "update: frozen layers move",
        UPDATE,
        "    for part in update.slices:\n",
        "    for part in [slice(0, update.slices[-1].stop)]:\n",
        f"{STEPS}test_gradients_of_the_others_stay_in_their_place_where_one_layer_is_frozen[0]",
    ),
]

MUTANTS = [*LOOPED]

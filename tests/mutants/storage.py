"""Storage broken: where numbers lie, and how long."""

from tests.mutants.run import Mutant

STORAGE = "tests/engines/test_storage.py::"
LOOPS = "tests/engines/test_loops.py::test_a_page_of_one_operation_is_itself_as_a_program"
COMPILED = "tests/engines/test_compiled.py::"
FITTING = "test_no_node_lies_where_another_that_is_still_read_does"
BOUNDS = "engines/compiled/bounds.py"
PLACES = "engines/compiled/storage.py"

STORED = [
    Mutant(
        "storage: memory given back while it is still read",
        PLACES,
        "if part[0] < k:",
        "if part[0] <= k:",
        f"{STORAGE}{FITTING}",
    ),
    Mutant(
        "storage: written over what is read later",
        PLACES,
        "living[j][:2] == (k, type)",
        "living[j][1] == type",
        f"{STORAGE}{FITTING}",
    ),
    Mutant(
        "storage: written over what is read in another order",
        PLACES,
        "in_place = in_place and graph.nodes[user].operation in ELEMENTWISE",
        "in_place = True",
        f"{LOOPS}[PythonRunner-an array and itself in reverse]",
    ),
    Mutant(
        "storage: written over what is read at another place too",
        PLACES,
        "return [j for j, _ in read if j not in elsewhere]",
        "return [j for j, in_place in read if in_place]",
        f"{LOOPS}[PythonRunner-an array and itself in reverse]",
    ),
    Mutant(
        "storage: written over an array of another shape",
        PLACES,
        "in_place and graph.nodes[used].shape == shape",
        "in_place",
        f"{STORAGE}{FITTING}",
    ),
    Mutant(
        "storage: nothing written over what dies",
        PLACES,
        "if own else",
        "if False else",
        f"{STORAGE}test_an_elementwise_operation_takes_the_place_of_what_it_reads_last",
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
        "index check: only the first of several tables",
        BOUNDS,
        "return a.size == b.size and ",
        "return ",
        f"{STORAGE}test_an_index_into_two_tables_is_bounded_by_both[sizes0]",
    ),
    Mutant(
        "index check: one too many let pass",
        BOUNDS,
        "high < self.size",
        "high <= self.size",
        f"{COMPILED}test_an_index_out_of_range_is_refused_before_machine_code_reads_there[5]",
    ),
    Mutant(
        "index check: negative ones let pass",
        BOUNDS,
        "low >= 0 and ",
        "",
        f"{COMPILED}test_an_index_out_of_range_is_refused_before_machine_code_reads_there[-1]",
    ),
]

CODES = [
    Mutant(
        "index check: of all columns, where some are numbers",
        BOUNDS,
        "slice(None) if len(columns) == width else columns",
        "slice(None)",
        f"{COMPILED}test_codes_beside_numbers[float32]",
    ),
]

MUTANTS = [*STORED, *CODES]

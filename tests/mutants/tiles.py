"""Products tile by tile, and the functions written out in arithmetic, broken."""

from tests.mutants.run import Mutant

TILED = "tests/engines/test_tiles.py::test_tiles_give_what_numpy_gives_and_stay_inside"
SUITS = "tests/engines/test_tiles.py::test_what_suits_tiles"
EXACT = "tests/engines/test_mathematics.py::test_"
TILES = "engines/compiled/tiles.py"
MATHEMATICS = "engines/compiled/mathematics.py"
ELEMENTS = "engines/compiled/elements.py"
ONE_LOOP = "tests/engines/test_loops.py::test_a_page_of_one_operation_is_itself_as_a_program"

MUTANTS = [
    Mutant(
        "tiles: the last tile runs beyond the rows",
        TILES,
        "row = smaller(b, i, b.sub(m, whole(rows)))",
        "row = i",
        TILED,
    ),
    Mutant(
        "tiles: the last vector runs beyond the columns",
        TILES,
        "[k, *places, b.sub(whole(n), column)]",
        "[k, *places, whole(64)]",
        TILED,
    ),
    Mutant(
        "tiles: fewer rows than a tile has taken for a tile",
        TILES,
        "((few, 1), (enough, rows))",
        "((few, rows), (enough, rows))",
        TILED,
    ),
    Mutant(
        "tiles: only the last product kept, not the sum",
        TILES,
        "zip([position, *sums], [following, *added], strict=True)",
        "zip([position, *sums], [following, *sums], strict=True)",
        TILED,
    ),
    Mutant(
        "tiles: a transposed a read as it stands",
        TILES,
        "along = b.mul(position, left_width) if transposed else position",
        "along = position",
        TILED,
    ),
    Mutant(
        "tiles: rows of c as far apart as those of b's copy",
        TILES,
        "b.gep(result, [b.mul(whole(r), result_width)])",
        "b.gep(result, [b.mul(whole(r), right_width)])",
        TILED,
    ),
    Mutant(
        "tiles: too few rows of b transposed from beyond its end",
        TILES,
        "whole(min(r, n - 1))",
        "whole(r)",
        TILED,
    ),
    Mutant(
        "tiles: the last rows of a copy left out",
        TILES,
        "row = smaller(b, p, whole(k - length))",
        "row = p",
        TILED,
    ),
    Mutant(
        "tiles: numbers zipped in the wrong order",
        TILES,
        "pairs = zip(rows[:half], rows[half:], strict=True)",
        "pairs = zip(rows[::2], rows[1::2], strict=True)",
        TILED,
    ),
    Mutant(
        "tiles: one function for products of other widths",
        TILES,
        "shape = [rows, n,",
        "shape = [rows,",
        "tests/engines/test_tiles.py::test_products_of_other_widths_have_functions_of_their_own",
    ),
    Mutant(
        "tiles: the stack filled with a large copy",
        TILES,
        "and copied <= MOST_COPIED",
        "",
        SUITS,
    ),
    Mutant(
        "tiles: large products kept from BLAS",
        TILES,
        "m * n * k <= LARGE_PRODUCT and",
        "",
        SUITS,
    ),
    Mutant(
        "one row: columns in reverse read as they lie",
        ELEMENTS,
        'if i in self.places or node.operation == "fill":',
        'if i in self.places or node.operation in ("fill", "view"):',
        f"{ONE_LOOP}[PythonRunner-columns in reverse]",
    ),
    Mutant(
        "one row: a broadcast operand read beyond its end",
        ELEMENTS,
        "        if node.shape != shape:\n            return False\n",
        "",
        f"{ONE_LOOP}[PythonRunner-sum over rows]",
    ),
    Mutant(
        "exp: no end below",
        MATHEMATICS,
        'inside = b.select(b.fcmp_ordered(">", x, low), x, low)',
        "inside = x",
        f"{EXACT}nan_infinity_and_the_ends_of_the_range",
    ),
    Mutant(
        "exp: 2ⁿ in one piece",
        MATHEMATICS,
        "for part in (half, b.sub(n, half)):",
        "for part in (n,):",
        f"{EXACT}exp_is_exact_over_its_whole_range",
    ),
    Mutant(
        "exp: NaN becomes a number",
        MATHEMATICS,
        'return b.select(b.fcmp_unordered("uno", x, x), x, y)',
        "return y",
        f"{EXACT}nan_infinity_and_the_ends_of_the_range",
    ),
    Mutant(
        "exp: a term of the series left out in float64",
        MATHEMATICS,
        "1023, 14, 11",
        "1023, 12, 11",
        f"{EXACT}exp_is_exact_over_its_whole_range",
    ),
    Mutant(
        "log: a term of the series left out in float64",
        MATHEMATICS,
        "1023, 14, 11",
        "1023, 14, 9",
        f"{EXACT}log_is_exact_over_its_whole_range",
    ),
    Mutant(
        "log: subnormal numbers taken for normal ones",
        MATHEMATICS,
        "raised = b.select(small,",
        "raised = b.select(ir.Constant(ir.IntType(1), 0),",
        f"{EXACT}log_is_exact_over_its_whole_range",
    ),
    Mutant(
        "log: of a negative number",
        MATHEMATICS,
        "ir.Constant(kind, math.nan), outside",
        "zero, outside",
        f"{EXACT}nan_infinity_and_the_ends_of_the_range",
    ),
]

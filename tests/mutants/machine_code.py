"""Machine code, its cache and the choice of engine broken."""

from tests.mutants.run import Mutant

LOOPS = "tests/engines/test_loops.py::"
ONE_LOOP = f"{LOOPS}test_a_page_of_one_operation_is_itself_as_a_program"
AS_NUMPY = f"{LOOPS}test_machine_code_computes_what_numpy_does_with_nan_and_infinities_too"
STEPS = "tests/engines/test_steps.py::"
COMPILED = "tests/engines/test_compiled.py::"
CACHE = "tests/engines/test_cache.py::"
CHOICE = "tests/engines/test_choice.py::"
CHOOSE = "engines/choice.py"
WRITER = "engines/compiled/llvm.py"
VALUES = "engines/compiled/values.py"
MATHEMATICS = "engines/compiled/mathematics.py"
KEPT = "engines/compiled/cache.py"

WRITTEN = [
    Mutant(
        "angles reduced by a shorter π",
        MATHEMATICS,
        "for part in HALF_PI:",
        "for part in HALF_PI[:2]:",
        "tests/engines/test_mathematics.py::"
        "test_sin_and_cos_are_exact_for_many_turns_and_close_to_their_zeros",
    ),
    Mutant(
        "angles beyond all meaning answered",
        MATHEMATICS,
        "return b.select(inside, y, ir.Constant(kind, math.nan))",
        "return y",
        "tests/engines/test_mathematics.py::test_angles_beyond_all_meaning_are_nobodys_guess",
    ),
    Mutant(
        "LLVM: expm1 as exp minus one",
        MATHEMATICS,
        "b.fadd(y, b.fsub(one, inverse))",
        "b.fsub(b.fadd(y, one), inverse)",
        "tests/engines/test_mathematics.py::"
        "test_expm1_is_exact_over_its_whole_range_and_close_to_zero[float64]",
    ),
    Mutant(
        "LLVM: log1p without what rounding took",
        MATHEMATICS,
        "b.select(inside, b.fadd(y, rest), y)",
        "b.select(inside, y, y)",
        "tests/engines/test_mathematics.py::"
        "test_log1p_is_exact_over_its_whole_range_and_close_to_zero[float32]",
    ),
    Mutant(
        "LLVM: a mark that it does not know a loop by",
        "engines/compiled/instructions.py",
        "own.operands = (own, option)",
        "own.operands = (option, option)",
        "tests/engines/test_instructions.py::"
        "test_a_longer_loop_and_one_of_unknown_length_stay_as_they_are",
    ),
    Mutant(
        "LLVM: NaN swallowed by maximum and minimum",
        VALUES,
        "b.select(b.or_(wins, nan), *values)",
        "b.select(wins, *values)",
        f"{AS_NUMPY}[numbers-float64]",
    ),
    Mutant(
        "LLVM: NaN equal to NaN",
        VALUES,
        'if sign == "!=":',
        "if False:",
        f"{AS_NUMPY}[numbers-float32]",
    ),
    Mutant(
        "LLVM: NaN and infinity assumed never to be",
        MATHEMATICS,
        'FAST = ("reassoc",',
        'FAST = ("nnan", "ninf", "reassoc",',
        f"{ONE_LOOP}[Runner-NaN made and seen]",
    ),
    Mutant(
        "LLVM: infinity taken for finite",
        VALUES,
        'fcmp_ordered("==", difference',
        'fcmp_unordered("==", difference',
        f"{AS_NUMPY}[numbers-float64]",
    ),
    Mutant(
        "LLVM: the cast of true gives -1",
        VALUES,
        'b.uitofp(value, kind) if source == "bool"',
        'b.sitofp(value, kind) if source == "bool"',
        f"{LOOPS}test_a_cast_gives_what_numpys_astype_gives[Runner-bool]",
    ),
    Mutant(
        "LLVM: a fraction taken for false",
        VALUES,
        'b.fcmp_unordered("!=", value, ir.Constant(value.type, 0.0))',
        "b.trunc(b.fptosi(value, INT), BIT)",
        f"{LOOPS}test_a_cast_gives_what_numpys_astype_gives[Runner-float]",
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
        VALUES,
        "if kind == SINGLE else float(value)",
        "if True else float(value)",
        f"{ONE_LOOP}[Runner-full]",
    ),
    Mutant(
        "tanh: a coefficient of float32 off",
        MATHEMATICS,
        "0.134321213",
        "0.134321313",
        f"{COMPILED}test_tanh_is_as_exact_as_its_type[float32]",
    ),
    Mutant(
        "tanh: 1 too early in float32",
        MATHEMATICS,
        "TANH_LIMIT = 8.1",
        "TANH_LIMIT = 6.1",
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
        "{text_of(a, 1)} if {text_of(condition, 1)} else {text_of(b, 1)}",
        "{text_of(b, 1)} if {text_of(condition, 1)} else {text_of(a, 1)}",
        f"{ONE_LOOP}[PythonRunner-where]",
    ),
    Mutant(
        "printing: what is grouped from the right without parentheses",
        "engines/compiled/loops.py",
        "{text_of(b, own + 1)}",
        "{text_of(b, own)}",
        f"{LOOPS}test_an_expression_prints_as_python",
    ),
    Mutant(
        "printing: a sum within a product without parentheses",
        "engines/compiled/loops.py",
        "if own < around else text",
        "if own < 0 else text",
        f"{LOOPS}test_sums_and_products_known_beforehand_are_the_same_numbers",
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
        "if hashlib.sha256(key + code).digest() == digest else None",
        "",
        f"{CACHE}test_a_damaged_file_is_made_anew",
    ),
    Mutant(
        "cache: what stands under another key run",
        KEPT,
        "if hashlib.sha256(key + code).digest() == digest else None",
        "if hashlib.sha256(key + code).digest() == digest or True else None",
        f"{CACHE}test_what_is_kept_under_another_key_is_not_run",
    ),
    Mutant(
        "cache: folders above it open to others",
        KEPT,
        "missing.mkdir(mode=0o700",
        "missing.mkdir(mode=0o777",
        f"{CACHE}test_folders_above_are_private_whatever_the_umask",
    ),
    Mutant(
        "cache: the newest go first",
        KEPT,
        "key=lambda pair: pair[0].st_mtime_ns",
        "key=lambda pair: -pair[0].st_mtime_ns",
        f"{CACHE}test_the_oldest_go_where_there_are_too_many",
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
        "return gain > cost_of",
        "return gain < cost_of",
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

MUTANTS = [*WRITTEN, *AROUND]

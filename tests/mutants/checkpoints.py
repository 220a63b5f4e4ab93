"""Checkpoints broken: what is left out of them, or taken for what it is not."""

from tests.mutants.run import Mutant

TESTS = "tests/saving/test_checkpoints.py::"
EVERY = f"{TESTS}test_from_every_checkpoint_the_training_ends_with_the_same_bits"
STATE = "training/state.py"
KEPT = "saving/checkpoints.py"
TRAIN = "training/train.py"

MUTANTS = [
    Mutant(
        "checkpoints: the order of the rows left as it begins",
        STATE,
        'training.order[...] = state.arrays["order"]',
        "pass",
        f"{EVERY}[classifier-eager-whole epochs]",
    ),
    Mutant(
        "checkpoints: the optimizer's memory forgotten",
        STATE,
        'array[...] = state.arrays[f"optimizer.{name}"]',
        "pass",
        f"{EVERY}[classifier-compiled-whole epochs]",
    ),
    Mutant(
        "checkpoints: the random streams left as they begin",
        STATE,
        "stream.bit_generator.state = saved",
        "pass",
        f"{EVERY}[random_layers-compiled-whole epochs]",
    ),
    Mutant(
        "checkpoints: the running state forgotten",
        STATE,
        'net.running_state[...] = state.arrays["running_state"]',
        "pass",
        f"{EVERY}[running_statistics-compiled-whole epochs]",
    ),
    Mutant(
        "checkpoints: shuffled again within an epoch",
        TRAIN,
        "if self.shuffle and self.so_far is None:",
        "if self.shuffle:",
        f"{EVERY}[classifier-compiled-parts of epochs]",
    ),
    Mutant(
        "checkpoints: written while later epochs have been run already",
        KEPT,
        "elif training.between_calls:",
        "else:",
        f"{TESTS}test_fit_resumes_with_early_stopping_as_if_nothing_had_been[12]",
    ),
    Mutant(
        "checkpoints: the best epoch forgotten",
        KEPT,
        "best.badness, best.epoch, best.last = badness, int(epoch), int(last)",
        "pass",
        f"{TESTS}test_fit_resumes_with_early_stopping_as_if_nothing_had_been[12]",
    ),
    Mutant(
        "checkpoints: other rows taken for the same",
        STATE,
        "digest.update(np.ascontiguousarray(part).data)",
        "pass",
        f"{TESTS}test_a_training_of_other_settings_is_not_resumed[rows]",
    ),
    Mutant(
        "checkpoints: a bit that changed is taken",
        KEPT,
        "digest.update(np.ascontiguousarray(array).data)",
        "pass",
        f"{TESTS}test_a_bit_that_changed_is_found",
    ),
    Mutant(
        "checkpoints: refused when half of it is put back",
        STATE,
        "other = copy.deepcopy(source)",
        "other = source",
        f"{TESTS}test_a_checkpoint_without_the_last_stream_changes_no_other",
    ),
    Mutant(
        "environment: another package's BLAS taken for one's own",
        "engines/environment.py",
        "own or shared",
        "libraries",
        "tests/engines/test_environment.py::test_each_package_has_the_blas_it_came_with[wheels]",
    ),
    Mutant(
        "environment: the processor forgotten",
        STATE,
        '"processor": processor(),',
        "",
        f"{TESTS}test_another_processor_or_number_of_cores_is_told",
    ),
    Mutant(
        "parts of an epoch: the losses of the parts before forgotten",
        "engines/compiled/engine.py",
        "returned = self._run_rows(order, rows, so_far.total)",
        "returned = self._run_rows(order, rows, 0.0)",
        f"{EVERY}[classifier-compiled-parts of epochs]",
    ),
]

"""Random draws in machine code broken, and where the streams stand afterwards."""

from tests.mutants.run import Mutant

DRAWS = "tests/engines/test_draws.py::"
TO_THE_BIT = f"{DRAWS}test_every_draw_is_numpys_to_the_bit"
EPOCHS = f"{DRAWS}test_each_epoch_leaves_the_streams_where_eager_leaves_them"
WRITER = "engines/compiled/draws.py"
STREAMS = "engines/compiled/streams.py"
ENGINE = "engines/compiled/engine.py"

MUTANTS = [
    Mutant(
        "draws: turned to the left",
        WRITER,
        "b.or_(b.lshr(mixed, turn), b.shl(mixed, back))",
        "b.or_(b.shl(mixed, turn), b.lshr(mixed, back))",
        f"{TO_THE_BIT}[float64]",
    ),
    Mutant(
        "draws: the increment counted once for all lanes",
        WRITER,
        "for k in range(steps):",
        "for k in range(1):",
        f"{TO_THE_BIT}[float64]",
    ),
    Mutant(
        "draws: one digit too many",
        WRITER,
        "(INT32, 32, 24)",
        "(INT32, 32, 25)",
        f"{TO_THE_BIT}[float32]",
    ),
    Mutant(
        "draws: the half that is left is drawn again",
        WRITER,
        "left = b.sub(count, first)",
        "left = count",
        f"{TO_THE_BIT}[float32]",
    ),
    Mutant(
        "draws: no half kept of a word that is whole",
        WRITER,
        "b.store(b.lshr(last, whole(32)), half)",
        "pass",
        f"{TO_THE_BIT}[float32]",
    ),
    Mutant(
        "draws: the last words counted from the front",
        WRITER,
        "counting(b, count, begin=in_lanes)",
        "counting(b, count)",
        f"{TO_THE_BIT}[float64]",
    ),
    Mutant(
        "draws: all from the first stream",
        "engines/compiled/llvm.py",
        "whole(WORDS * stream)",
        "whole(0)",
        f"{TO_THE_BIT}[float64]",
    ),
    Mutant(
        "draws: one that is not used is dropped",
        "graph/passes/builder.py",
        "(*graph.outputs.values(), *draws)",
        "graph.outputs.values()",
        f"{DRAWS}test_a_draw_that_nobody_uses_moves_the_stream_on_all_the_same",
    ),
    Mutant(
        "streams: low and high half changed over",
        STREAMS,
        '"state": {"state": low + HALF * high',
        '"state": {"state": high + HALF * low',
        f"{DRAWS}test_a_stream_that_is_set_goes_on_as_the_one_it_was_taken_from",
    ),
    Mutant(
        "streams: another generator taken for PCG64",
        STREAMS,
        'if found["bit_generator"] != "PCG64":',
        "if False:",
        f"{DRAWS}test_other_generators_train_eagerly_and_say_so[PCG64DXSM]",
    ),
    Mutant(
        "streams: those of another type taken",
        STREAMS,
        "if node.dtype != dtype or node.shape == ():",
        "if node.shape == ():",
        f"{DRAWS}test_draws_that_machine_code_cannot_make_are_refused[another type]",
    ),
    Mutant(
        "engine: the streams read once, not before each call",
        ENGINE,
        "        self.streams.read()\n        part =",
        "        part =",
        f"{DRAWS}test_a_stream_that_was_set_between_epochs_is_the_one_drawn_from",
    ),
    Mutant(
        "engine: the streams stand where the last epoch of a call left them",
        ENGINE,
        "self.streams.hand_back(kept.streams[i])",
        "self.streams.hand_back(self.streams.words)",
        f"{EPOCHS}[False-5-float64]",
    ),
    Mutant(
        "engine: the streams stay where they were before a batch that diverged",
        ENGINE,
        "            self.streams.hand_back(self.streams.words)\n            yield",
        "            yield",
        f"{DRAWS}test_where_training_diverges_the_streams_stand_after_that_batch[1]",
    ),
    Mutant(
        "train: a last batch of one row let through",
        "training/train.py",
        "        check_batches(net, len(rows.y), batch_size)\n",
        "",
        "tests/bad_input/test_layers.py::"
        "test_a_last_batch_of_one_row_is_refused_before_training[eager-33-32-batch_size=33]",
    ),
]

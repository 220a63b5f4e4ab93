"""What cores share, broken: how it is cut, how the parts are taken, and when all are done."""

from tests.mutants.run import Mutant

SHARING = "engines/compiled/sharing.py"
JOBS = "engines/compiled/jobs.py"
LIKE_THE_PAGES = "tests/engines/test_parts.py::test_what_is_cut_in_parts_is_what_the_pages_say"
ONCE = "tests/engines/test_parts.py::test_every_part_of_every_job_is_done_once"

MUTANTS = [
    Mutant(
        "parts: columns of b taken from where its rows are",
        SHARING,
        "b, c = _from(b, begin, columns=True), _from(c, begin, columns=True)",
        "b, c = _from(b, begin), _from(c, begin, columns=True)",
        LIKE_THE_PAGES,
    ),
    Mutant(
        "parts: every part begins with the first row of a",
        SHARING,
        "a=_from(a, begin), c=_from(c, begin)",
        "a=a, c=_from(c, begin)",
        LIKE_THE_PAGES,
    ),
    Mutant(
        "parts: the last part of a loop left out",
        SHARING,
        'size = elements.new("p"), _size_of_a_part(turns, count, LINE if turns == numbers else 1)',
        'size = elements.new("p"), turns // count',
        LIKE_THE_PAGES,
    ),
    Mutant(
        "parts: a part's loop runs on through the parts behind it",
        SHARING,
        "stop=least(plus(begin, whole(size)), loop.stop)",
        "stop=loop.stop",
        "tests/engines/test_parts.py::test_the_last_part_may_be_smaller_or_empty",
    ),
    Mutant(
        "parts: a loop begins at 0 in every part",
        "engines/compiled/instructions.py",
        "whole(0) if begin is None else begin",
        "whole(0)",
        LIKE_THE_PAGES,
    ),
    Mutant(
        "parts: the next job begun while parts of this one are at work",
        JOBS,
        'b.icmp_signed("==", _get(b, crew, DONE, "acquire"), count)',
        "ir.Constant(BIT, 1)",
        "tests/engines/test_parts.py::test_what_follows_a_job_waits_for_the_parts_of_others",
    ),
    Mutant(
        "parts: numbered from 1",
        JOBS,
        "[given, b.sub(left, whole(1))]",
        "[given, left]",
        ONCE,
    ),
    Mutant(
        "parts: a variable of its own asked for from outside",
        "engines/compiled/loops.py",
        "for name in sorted(used) if name not in own",
        "for name in sorted(used)",
        "tests/engines/test_parts.py::test_a_part_is_given_the_variables_it_reads_and_not_its_own",
    ),
    Mutant(
        "parts: BLAS keeps its threads beside ours",
        "engines/threads.py",
        "1 if alone else min",
        "min",
        "tests/engines/test_parts.py::test_blas_has_one_thread_meanwhile_and_its_own_number_afterwards",
    ),
    Mutant(
        "threads: set as threadpoolctl does, by the first thread only",
        "engines/threads.py",
        "setter or controller.set_num_threads",
        "controller.set_num_threads",
        "tests/engines/test_threads.py::"
        "test_who_is_last_puts_back_what_there_was_in_whatever_thread",
    ),
    Mutant(
        "threads: a number taken for usual while a limit is in force",
        "engines/threads.py",
        "if library not in known:",
        "if True:",
        "tests/engines/test_threads.py::"
        "test_who_is_last_puts_back_what_there_was_in_whatever_thread",
    ),
    Mutant(
        "threads: limits of threads that a fork does not have",
        "engines/threads.py",
        "if entry[0] == get_ident()]",
        "]",
        "tests/engines/test_threads.py::test_a_fork_during_a_fit_leaves_the_child_its_threads",
    ),
    Mutant(
        "threads: several for a batch too small to share",
        "engines/threads.py",
        "SHARED < multiplications < WORTH_SHARING",
        "False",
        "tests/engines/test_threads.py::"
        "test_a_batch_is_predicted_in_one_thread_unless_sharing_it_pays[few]",
    ),
    Mutant(
        "threads: one for a batch large enough to share",
        "engines/threads.py",
        "SHARED < multiplications < WORTH_SHARING",
        "SHARED < multiplications",
        "tests/engines/test_threads.py::"
        "test_a_batch_is_predicted_in_one_thread_unless_sharing_it_pays[many]",
    ),
    Mutant(
        "parts: helpers not told to stop after an error",
        "engines/compiled/crew.py",
        "self.memory[HELPERS], self.memory[STOP] = 0, 1",
        "self.memory[HELPERS] = 0",
        "tests/engines/test_parts.py::test_helpers_go_home_after_an_error",
    ),
]

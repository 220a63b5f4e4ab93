"""The memory of a thread pool, by which its threads and machine code work together."""

# An event count is two numbers in memory: the number of notifications so far, and of the threads
# that are parked until the next one.
NOTIFICATIONS, WAITERS, EVENT_COUNT_SIZE = 0, 1, 2
# Linux's futex, which parks a thread while a number in memory is unchanged: the number of the
# system call on each processor.
FUTEX = {"x86_64": 202, "aarch64": 98}
WORKER, STOP = "worker", "stop"
# Offsets in the pool's memory; numbers that change often have cache lines of their own: the number
# of workers; the queue, a job's number and in the last 16 bits its parts not yet taken; the number
# of parts done; the job's function and its argument; the generation, at whose end its workers stop;
# the event counts that workers, and the thread that runs the program, park on.
WORKER_COUNT, QUEUE, DONE, FUNCTION, ARGUMENT, GENERATION = 0, 16, 32, 48, 49, 64
WORK_EVENT, DONE_EVENT, SIZE = 80, 96, 112
COUNT_BITS = 16


def futex_number(processor: str, system: str) -> int | None:
    """The futex's system call number; None on other systems and processors."""
    return FUTEX.get(processor) if "linux" in system else None

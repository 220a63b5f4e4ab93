"""The memory of a thread pool, by which its threads and machine code work together."""

from typing import Literal

Parking = Literal["futex", "windows", "macos"]
# An event count is two numbers in memory: the number of notifications so far, and of the threads
# that are parked until the next one.
NOTIFICATIONS, WAITERS, EVENT_COUNT_SIZE = 0, 1, 2
# The number of Linux's system call futex on each processor.
FUTEX = {"x86_64": 202, "aarch64": 98}
WORKER, STOP = "worker", "stop"
# Offsets in the pool's memory; numbers that change often have cache lines of their own: the number
# of workers; the queue, a job's number and in the last 16 bits its parts not yet taken; the number
# of parts done; the job's function and its argument; the generation, at whose end its workers stop;
# the event counts that workers, and the thread that runs the program, park on.
WORKER_COUNT, QUEUE, DONE, FUNCTION, ARGUMENT, GENERATION = 0, 16, 32, 48, 49, 64
WORK_EVENT, DONE_EVENT, SIZE = 80, 96, 112
COUNT_BITS = 16


def parking_of(processor: str, system: str) -> Parking | None:
    """Way of a system to park a thread while a number in memory is unchanged; None if it has none.

    Parameters
    ----------
    processor : str
        Name of the processor, as in LLVM's triples.
    system : str
        The rest of a triple, or Python's name of the platform.
    """
    if "linux" in system:
        return "futex" if processor in FUTEX else None
    if "darwin" in system:
        return "macos"
    return "windows" if "win" in system else None

"""Backend of joblib on Ray: every job is a task, which runs wherever a core is free."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from concurrent.futures import Future

import numpy as np
import ray
from joblib.parallel import AutoBatchingMixin, ParallelBackendBase
from ray import cloudpickle
from ray.exceptions import RayError

from handgrad.cluster.failures import RESTARTS, at_its_place, last_line
from handgrad.cluster.serialization import own_modules_along
from handgrad.textbook.errors import HandgradError
from handgrad.textbook.layers import Array
from handgrad.training.workers import WorkersError

# Arrays of so many bytes are sent once to each node, not with every job that needs them.
LARGE = 2**17
Sent = dict[object, tuple[Array, ray.ObjectRef]]  # by where in memory they are
Outcome = tuple[object, Exception | None]
Done = Future[Outcome]


class RayTasks(AutoBatchingMixin, ParallelBackendBase):  # type: ignore[misc]  # joblib has no types
    """Runs what joblib runs in parallel on the Ray that this process is connected to.

    A job whose worker or node dies runs again elsewhere. Ray's own backend has a pool instead: its
    jobs go to one worker after another, busy or not, and end with it.
    """

    supports_retrieve_callback = supports_return_generator = True
    default_n_jobs = -1

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """How many jobs run at once: of the cluster's cores, all for -1, as joblib counts."""
        cores = int(ray.cluster_resources().get("CPU", 1))
        n_jobs = self.default_n_jobs if n_jobs is None else n_jobs
        return n_jobs if n_jobs > 0 else max(1, cores + 1 + n_jobs)

    def configure(self, n_jobs: int = 1, parallel: object = None, **_: object) -> int:
        """Begin a call of joblib's Parallel."""
        self.parallel = parallel
        self.sent: Sent = {}
        self.waiting: set[ray.ObjectRef] = set()
        self.task = ray.remote(num_cpus=1, max_retries=RESTARTS)(_outcome)
        return self.effective_n_jobs(n_jobs)

    def submit(self, func: Callable[[], object], callback: Callable[[Done], object]) -> object:
        """Have a job done; `callback` is told when it is, with what has its result."""
        try:
            with own_modules_along():
                written, references = self._written(func)
        except Exception:  # a module with a lock in it: there, where the nodes can import it
            written, references = self._written(func)
        job = self.task.remote(written, references)
        self.waiting.add(job)

        def done(future: Done) -> None:
            self.waiting.discard(job)
            callback(future)

        job.future().add_done_callback(done)
        return job

    def _written(self, func: Callable[[], object]) -> tuple[bytes, list[ray.ObjectRef]]:
        """The job without its large arrays, and where these are."""
        file = io.BytesIO()
        pickler = _Pickler(file, self.sent)
        pickler.dump(func)
        return file.getvalue(), pickler.references

    def retrieve_result_callback(self, future: Done) -> object:
        """The result of a job, or its error."""
        try:
            result, error = future.result()
        except RayError as lost:
            raise WorkersError(
                f"a job was lost: {last_line(lost)}",
                f"workers that live on, or die of one job at most {RESTARTS} times",
                "nodes with more memory, or fewer jobs at once: n_jobs=2",
            ) from lost
        if error is not None:
            raise error
        return result

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """End all jobs: one has failed, or Ctrl-C was pressed."""
        for job in [*self.waiting]:
            ray.cancel(job, force=True)
        self.terminate()

    def terminate(self) -> None:
        """Let go of what was sent."""
        self.sent, self.waiting = {}, set()


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Writes a job without its large arrays, which Ray keeps: `references` to them."""

    def __init__(self, file: io.BytesIO, sent: Sent) -> None:
        super().__init__(file)
        self.sent, self.references = sent, list[ray.ObjectRef]()

    def persistent_id(self, found: object) -> int | None:
        """The place of a large array among the references."""
        if type(found) is not np.ndarray or found.nbytes < LARGE or found.dtype.hasobject:
            return None
        memory = found.__array_interface__
        key = memory["data"], found.shape, found.strides, found.dtype.str
        if key not in self.sent:  # with the array, so that no other has its memory
            self.sent[key] = found, ray.put(found)
        self.references.append(self.sent[key][1])
        return len(self.references) - 1


class _Unpickler(pickle.Unpickler):
    """Reads a job, and its large arrays out of the node's memory: they cannot be written to."""

    def __init__(self, written: bytes, references: list[ray.ObjectRef]) -> None:
        super().__init__(io.BytesIO(written))
        self.arrays: list[Array] = ray.get(references)

    def persistent_load(self, place: int) -> Array:
        """The array of this place."""
        return self.arrays[place]


def _outcome(written: bytes, references: list[ray.ObjectRef]) -> Outcome:
    """What a job came to, in a worker: its result, or its error."""
    try:
        return _Unpickler(written, references).load()(), None
    except HandgradError as error:
        return None, error
    except Exception as error:
        return None, at_its_place(error, f"a worker on {ray.util.get_node_ip_address()}")

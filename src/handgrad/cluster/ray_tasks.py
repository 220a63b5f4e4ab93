"""joblib backend on Ray: each job is a task that runs on any free core."""

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

from handgrad.cluster.failures import RESTARTS, last_line, located
from handgrad.cluster.serialization import own_modules_along
from handgrad.textbook.errors import HandgradError
from handgrad.textbook.layers import Array
from handgrad.training.workers import WorkersError

# Arrays of at least so many bytes are sent once to each node, not with every job.
LARGE = 2**17
Sent = dict[object, tuple[Array, ray.ObjectRef]]  # by their location in memory
Outcome = tuple[object, Exception | None]
Done = Future[Outcome]


class RayTasks(AutoBatchingMixin, ParallelBackendBase):  # type: ignore[misc]  # joblib has no types
    """joblib backend that runs jobs on the Ray cluster this process is connected to.

    A job whose worker or node dies is retried elsewhere. Ray's own backend has a pool instead: its
    jobs are assigned to workers in turn, busy or not, and are lost with them.
    """

    supports_retrieve_callback = supports_return_generator = True
    default_n_jobs = -1

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """Number of parallel jobs; -1 is all cores of the cluster."""
        cores = int(ray.cluster_resources().get("CPU", 1))
        n_jobs = self.default_n_jobs if n_jobs is None else n_jobs
        return n_jobs if n_jobs > 0 else max(1, cores + 1 + n_jobs)

    def configure(self, n_jobs: int = 1, parallel: object = None, **_: object) -> int:
        """Prepare a call of joblib's Parallel."""
        self.parallel = parallel
        self.sent: Sent = {}
        self.waiting: set[ray.ObjectRef] = set()
        self.task = ray.remote(num_cpus=1, max_retries=RESTARTS)(_outcome)
        return self.effective_n_jobs(n_jobs)

    def submit(self, func: Callable[[], object], callback: Callable[[Done], object]) -> object:
        """Submit a job; `callback` gets the future with its result."""
        try:
            with own_modules_along():
                written, references = self._written(func)
        except Exception:  # a module with a lock in it: sent by name, for nodes that can import it
            written, references = self._written(func)
        job = self.task.remote(written, references)
        self.waiting.add(job)

        def done(future: Done) -> None:
            self.waiting.discard(job)
            callback(future)

        job.future().add_done_callback(done)
        return job

    def _written(self, func: Callable[[], object]) -> tuple[bytes, list[ray.ObjectRef]]:
        """Pickle the job without its large arrays; returns it and the references to them."""
        file = io.BytesIO()
        pickler = _Pickler(file, self.sent)
        pickler.dump(func)
        return file.getvalue(), pickler.references

    def retrieve_result_callback(self, future: Done) -> object:
        """Return the result of a job, or raise its error."""
        try:
            result, error = future.result()
        except RayError as lost:
            raise WorkersError(
                f"a job was lost: {last_line(lost)}",
                f"workers that survive, or die at most {RESTARTS} times of one job",
                "nodes with more memory, or fewer parallel jobs: n_jobs=2",
            ) from lost
        if error is not None:
            raise error
        return result

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """Cancel all jobs after a failure or Ctrl-C."""
        for job in [*self.waiting]:
            ray.cancel(job, force=True)
        self.terminate()

    def terminate(self) -> None:
        """Release the objects sent."""
        self.sent, self.waiting = {}, set()


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Pickler that leaves large arrays in Ray's object store, as `references`."""

    def __init__(self, file: io.BytesIO, sent: Sent) -> None:
        super().__init__(file)
        self.sent, self.references = sent, list[ray.ObjectRef]()

    def persistent_id(self, found: object) -> int | None:
        """Index of a large array among the references."""
        if type(found) is not np.ndarray or found.nbytes < LARGE or found.dtype.hasobject:
            return None
        memory = found.__array_interface__
        key = memory["data"], found.shape, found.strides, found.dtype.str
        if key not in self.sent:  # the array is stored too, so that its memory is not reused
            self.sent[key] = found, ray.put(found)
        self.references.append(self.sent[key][1])
        return len(self.references) - 1


class _Unpickler(pickle.Unpickler):
    """Unpickler of a job; its large arrays are read-only in the node's shared memory."""

    def __init__(self, written: bytes, references: list[ray.ObjectRef]) -> None:
        super().__init__(io.BytesIO(written))
        self.arrays: list[Array] = ray.get(references)

    def persistent_load(self, place: int) -> Array:
        """Array at this index."""
        return self.arrays[place]


def _outcome(written: bytes, references: list[ray.ObjectRef]) -> Outcome:
    """Run a job in a worker; returns its result or its error."""
    try:
        return _Unpickler(written, references).load()(), None
    except HandgradError as error:
        return None, error
    except Exception as error:
        return None, located(error, f"a worker on {ray.util.get_node_ip_address()}")

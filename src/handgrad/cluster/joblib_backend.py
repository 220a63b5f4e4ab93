"""Connection of joblib to a Ray cluster: many nets at once, on all its machines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from handgrad.cluster.connection import connected


@contextmanager
def cluster(address: str | None = None) -> Iterator[None]:
    """Within it, what runs in parallel runs on all cores of a Ray cluster, one thread each.

    That is `hg.fit_many`, `hg.training.capacity_curve` and `hg.training.learning_curve`;
    scikit-learn's searches, cross validation and ensembles, which leave their `n_jobs` as it is;
    and all else that joblib runs. What comes out is the same to the bit. A job whose worker or node
    dies runs again elsewhere; large arrays are sent once to each node. `hg.cluster.fit` uses the
    cluster too.

    It is the one at `address`, "HOST:6379", or at that of the environment variable RAY_ADDRESS;
    without either, or with "local", it is this machine: no faster than threads for `fit_many`,
    while searches have a process for each core. Nodes need the same versions of handgrad and NumPy,
    and modules of one's own; classes and functions of a script or a notebook go along. A Ray that
    this process is connected to already is used, and stays.

    Raises a SettingError where Ray is not installed, a WorkersError where none answers.

    >>> def search():
    ...     with cluster("head:6379"):
    ...         return GridSearchCV(hg.TabularClassifier(), grid).fit(X, y)
    """
    with connected(address):
        from joblib import parallel_config

        from handgrad.cluster.ray_tasks import RayTasks

        with parallel_config(RayTasks(), n_jobs=-1):
            yield

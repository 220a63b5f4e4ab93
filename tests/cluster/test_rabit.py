"""Workers as processes that xgboost's collective connects over TCP, where it is installed."""

import json
import subprocess
import sys
from importlib.util import find_spec

import pytest

from handgrad.engines.sharding import Sharding
from tests.cluster.test_sharding import a_net, trained
from tests.waiting import HANG

if find_spec("xgboost") is None:
    pytest.skip("xgboost is not installed", allow_module_level=True)

WORK = """
import json, sys
from xgboost import collective
from handgrad.cluster.worker import Rabit
from handgrad.engines.sharding import Sharding
from tests.cluster.test_sharding import a_net, trained

with collective.CommunicatorContext(**json.loads(sys.argv[1])):
    sharding = Sharding(4, int(sys.argv[2]), Rabit())
    bits, reports = trained(a_net(dtype=sys.argv[3]), sharding=sharding)
print(bits.hex(), reports)
"""


@pytest.mark.parametrize("sync_every", [1, 3])
@pytest.mark.parametrize(("workers", "dtype"), [(2, "float32"), (2, "float64"), (3, "float32")])
def test_processes_come_to_the_bits_of_one(workers: int, dtype: str, sync_every: int) -> None:
    from xgboost.tracker import RabitTracker

    bits, reports = trained(a_net(dtype=dtype), sharding=Sharding(4, sync_every))
    tracker = RabitTracker(workers, host_ip="127.0.0.1")
    tracker.start()
    command = [sys.executable, "-c", WORK, json.dumps(tracker.worker_args()), str(sync_every)]
    processes = [
        subprocess.Popen([*command, dtype], stdout=subprocess.PIPE, text=True)
        for _ in range(workers)
    ]
    for process in processes:
        with process:
            found, _ = process.communicate(timeout=HANG)
        assert process.returncode == 0
        same = found.splitlines()[-1] == f"{bits.hex()} {reports}"  # xgboost tells the rank before
        assert same
    tracker.wait_for()

"""Where llvmlite, threads and processes are missing, as in a browser, nets train eagerly."""

import os
import subprocess
import sys

PROGRAM = """
import os, subprocess, sys, threading, warnings

def refuse(*words, **named):
    raise RuntimeError("not in a browser")

sys.modules["llvmlite"] = None
threading.Thread.start = subprocess.Popen.__init__ = os.fork = refuse

import handgrad as hg

net = hg.Net(hg.Linear(2, 50, rng=0), hg.Tanh(), hg.Linear(50, 2, rng=1), hg.Softmax())
x, y = hg.data.make_moons(2000, rng=0)
settings = dict(loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.3), batch_size=8, rng=0)
assert hg.check_gradients(net, loss=hg.CrossEntropyLoss())
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    history = hg.fit(net, (x, y), epochs=200, early_stopping=2, validation=0.2, **settings)
print(*(warning.message for warning in said), sep="\\n")
assert history[-1].validation_loss < 0.5
try:
    hg.fit(net, (x, y), epochs=1, engine="compiled", **settings)
except hg.errors.SettingError as error:
    print(error)
"""


def test_a_net_trains_eagerly_and_says_so_once() -> None:
    said = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | {"HANDGRAD_LANGUAGE": "en"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    assert said.stdout.splitlines() == [
        "training eagerly, not compiled: No module named 'llvmlite'",
        "engine='compiled' without llvmlite, not installed here",
        "  expected: llvmlite, which has no build for browsers and some other systems",
        "  try: engine='auto', which falls back to eager",
    ]

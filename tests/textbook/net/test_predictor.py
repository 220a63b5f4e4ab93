"""A net of the textbook alone predicts by its layers."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import handgrad
from handgrad.textbook.errors import SettingError
from handgrad.textbook.net.predictor import EagerPredictor

# The package without its __init__.py, which imports the engines.
ALONE = f"""
import sys, types

sys.modules["handgrad"] = package = types.ModuleType("handgrad")
package.__path__ = [{str(Path(handgrad.__file__).parent)!r}]

import numpy as np
from handgrad.textbook.layers import Linear, Tanh
from handgrad.textbook.net import Net

net = Net(Linear(2, 3, rng=0), Tanh(), dtype=np.float64)
x = np.arange(10.0).reshape(5, 2)
for p in (net.predict(x), net.predict(x, batch_size=2, engine="eager")):
    np.testing.assert_allclose(p, np.tanh(x @ net[0].W.T + net[0].b), rtol=1e-12)
assert not [name for name in sys.modules if name.startswith(("handgrad.graph", "handgrad.engines"))]
"""


def test_the_textbook_alone_predicts_eagerly() -> None:
    subprocess.run([sys.executable, "-c", ALONE], check=True)


def test_without_engines_an_engine_that_compiles_is_refused() -> None:
    net = handgrad.Net(handgrad.Linear(2, 3, rng=0))
    predict, x = EagerPredictor(net), np.ones((4, 2), np.float32)
    np.testing.assert_allclose(predict(x, 3, "auto"), net.predict(x, engine="eager"), 1e-6)
    with pytest.raises(SettingError, match="engine='compiled' in a process without engines"):
        predict(x, 3, "compiled")

"""Recurrent layers over sequences with padding, against PyTorch's over packed sequences."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import handgrad as hg
from tests.oracle.compare import assert_all_close

pytestmark = pytest.mark.oracle

LENGTHS = np.array([4, 1, 3, 2, 4])
THERE = np.arange(4) < LENGTHS[:, None]


@pytest.mark.parametrize("kind", [hg.layers.RNN, hg.GRU, hg.LSTM])
@pytest.mark.parametrize("return_sequences", [False, True])
def test_padding_is_what_a_packed_sequence_leaves_out(
    kind: type[hg.layers.RNN | hg.GRU | hg.LSTM], return_sequences: bool
) -> None:
    rng = np.random.default_rng(0)
    layer = kind(3, 2, return_sequences=return_sequences, dtype=np.float64)
    for name in layer.param_names:
        setattr(layer, name, rng.standard_normal(getattr(layer, name).shape))
    x = rng.standard_normal((5, 4, 3))
    y = layer.forward(x, THERE)
    dy = rng.standard_normal(y.shape)
    if return_sequences:
        dy *= THERE[..., None]
    found = {"dx": layer.backward(dy)}
    found |= {f"d{name}": layer.gradient(name) for name in layer.param_names}

    theirs = getattr(nn, kind.__name__)(3, 2, batch_first=True).double()
    named = {"W": "weight_ih_l0", "U": "weight_hh_l0", "b": "bias_ih_l0", "v": "bias_hh_l0"}
    theirs.load_state_dict({named[n]: torch.tensor(getattr(layer, n)) for n in layer.param_names})
    given = torch.tensor(x, requires_grad=True)
    packed = pack_padded_sequence(given, LENGTHS.tolist(), batch_first=True, enforce_sorted=False)
    every, last = theirs(packed)
    last = last[0] if kind is hg.LSTM else last
    z = pad_packed_sequence(every, batch_first=True)[0] if return_sequences else last[0]
    z.backward(torch.tensor(dy))
    expected = {"dx": given.grad.numpy()}
    expected |= {f"d{n}": getattr(theirs, named[n]).grad.numpy() for n in layer.param_names}
    seen = THERE if return_sequences else slice(None)
    found["y"], expected["y"] = y[seen], z.detach().numpy()[seen]
    assert_all_close(found, expected, kind.__name__)

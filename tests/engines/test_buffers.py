"""A net within a net holds the slices of the outer buffers that are its own, and no others."""

import numpy as np

import handgrad as hg


def test_what_is_written_into_an_inner_net_reaches_its_own_layers_alone() -> None:
    def part() -> hg.Net:
        return hg.Net(
            hg.Linear(2, 3), hg.Net(hg.Linear(3, 2), hg.Standardize(np.zeros(2), np.ones(2)))
        )

    net = hg.Net(hg.Linear(2, 2), part(), hg.Tanh(), part(), hg.Linear(2, 1))
    inner = [layer for _, layer in net.walk() if isinstance(layer, hg.Net) and layer is not net]
    assert len(inner) == 4
    for one in inner:
        within = {id(layer) for _, layer in one.walk()}
        net.parameters[...], net.gradients[...], net.running_state[...] = 0, 0, 0
        one.parameters[...], one.running_state[...], one.gradients[...] = 7, 7, 7
        assert (net.parameters == 7).tolist() == (net.gradients == 7).tolist()
        for _, layer in net.walk():
            for name in (*layer.param_names, *layer.state_names):
                expected = 7 if id(layer) in within else 0
                np.testing.assert_array_equal(getattr(layer, name), expected)

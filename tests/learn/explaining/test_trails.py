"""One number followed back to the rows: what is said of it is so."""

import numpy as np
import pytest

import handgrad as hg
from tests.learn.explaining.reader import read


def explained(**how: object) -> hg.learn.Explanation:
    net = hg.Net(hg.Linear(2, 3, rng=4), hg.Tanh(), hg.Linear(3, 2, rng=5), dtype=np.float64)
    x, y = np.array([[0.5, -1.2]]), np.array([[1.0, 2.0]])
    return hg.explain(net, x, y, loss=hg.MSELoss(), **how)  # type: ignore[arg-type]


def test_a_gradient_leads_back_to_the_row() -> None:
    trail = explained().of("0.dW[2,0]")
    assert [link.name.split("[")[0] for link in trail.links] == [
        *("dW_0", "dx_1", "dx_2", "dp", "e", "z_2", "y_1", "z_0")
    ]
    assert trail.end.startswith("x[0,")


def test_a_parameter_is_followed_by_its_gradient() -> None:
    e = explained()
    assert str(e.of("0.W[2,0]")).splitlines()[1:] == str(e.of("0.dW[2,0]")).splitlines()[1:]


def test_the_chain_rule_along_a_forward_trail_is_the_derivative() -> None:
    """With one unit a layer there is one trail, so its factors multiply to the slope itself."""
    net = hg.Net(hg.Linear(1, 1, rng=1), hg.Tanh(), hg.Linear(1, 1, rng=2), dtype=np.float64)
    e = hg.explain(net, [[0.7]], [[0.3]], loss=hg.MSELoss(), digits=9)
    slopes = np.prod(e.of("loss").factors), np.prod(e.of("0.dW[0,0]").factors)
    assert np.isclose(slopes[0], e["0.dx"].value.item(), rtol=1e-6)
    assert np.isclose(slopes[1], e["0.dW"].value.item(), rtol=1e-6)


def test_the_chain_is_written_as_arithmetic() -> None:
    trail = explained().of("0.dW[1,1]")
    parts, _ = read(f"chain = {trail.chain()}", 4)
    assert parts[0].meets(parts[1])
    assert trail.chain() in str(trail)


def test_the_largest_contribution_is_followed() -> None:
    net = hg.Net(hg.Linear(3, 1, rng=0), dtype=np.float64)
    net.layers[0].W = [[0.1, -5.0, 2.0]]
    trail = hg.explain(net, [[1.0, 2.0, 3.0]]).of("0.z[0,0]")
    assert trail.links[0].followed_name == "x[0,1]"
    assert np.isclose(trail.links[0].slope, -5)
    assert "x[0,1], the largest of 7 contributions" in str(trail)


def test_an_update_is_followed_into_the_gradient() -> None:
    trail = explained(optimizer=hg.Adam(0.1, clip_norm=1.0)).of("new 0.W[0,1]")
    names = [link.name for link in trail.links]
    assert names[:3] == ["new_W_0[0,1]", "m_hat_W_0[0,1]", "m_W_0'[0,1]"]
    assert "dW_0[0,1]" in names


def test_draws_end_a_trail() -> None:
    net = hg.Net(hg.Dropout(0.5))
    net.seed(0)
    e = hg.explain(net, [[3.0, 4.0]], [[0.0, 0.0]], loss=hg.MSELoss())
    kept = next(step for step in e.steps if step.name.startswith("kept"))
    assert str(e.of(f"{kept.name}[0,0]")).endswith("is a random draw.")


@pytest.mark.parametrize(
    ("address", "came"),
    [
        ("0.V[1,2]", "not in this step"),
        ("0.W", r"shape \(3, 2\)"),
        ("0.W[3,0]", r"up to \[2,1\]"),
        ("0.W[-1,0]", r"up to \[2,1\]"),
        ("loss[0]", "its name alone"),
        ("", "not in this step"),
        ("0.W[a]", "not in this step"),
    ],
)
def test_addresses_that_name_no_number_are_refused(address: str, came: str) -> None:
    with pytest.raises(hg.errors.SettingError, match=came):
        explained().of(address)


def test_a_step_is_had_by_its_address_or_its_name() -> None:
    e = explained()
    assert e["1.dx"] is e["dx_1"]
    assert e["0.dW"].formula == "dx_1.T @ x"
    with pytest.raises(hg.errors.SettingError, match="did you mean"):
        e["0.dV"]
    with pytest.raises(hg.errors.SettingError, match="not in this step"):
        e["0.W"]

"""A graph prints like the derivation, in the page's own names."""

import re
from typing import Any

import numpy as np

import handgrad as hg
from tests.graph import pages


def formulas(graph: hg.Graph) -> list[str]:
    """The formulas of a printed graph, without shapes and lines."""
    found = re.findall(r"^  (\S+ = .+?)\s{2,}\(.*\.py:\d+$", str(graph), re.MULTILINE)
    return [str(formula) for formula in found]


def test_a_training_step_reads_like_its_derivation() -> None:
    net = hg.Net(hg.Linear(2, 3), hg.Tanh(), hg.Linear(3, 2), hg.Softmax())
    assert formulas(hg.trace(net, hg.CrossEntropyLoss())) == [
        "z_0 = x @ W_0.T + b_0",
        "y_1 = tanh(z_0)",
        "z_2 = y_1 @ W_2.T + b_2",
        "e_3 = exp(z_2 - max(z_2, axis=-1, keepdims=True))",
        "p_3 = e_3 / sum(e_3, axis=-1, keepdims=True)",
        "p_of_y = p_3[arange(n), y]",
        "loss = mean(-log(p_of_y))",
        "dp = zeros_like(p_3)",
        "dp' = dp with [arange(n), y] = -1/n / p_of_y",
        "pdp_3 = p_3 * dp'",
        "dz_3 = pdp_3 - p_3 * sum(pdp_3, axis=-1, keepdims=True)",
        "dW_2 = dz_3.T @ y_1",
        "db_2 = sum(dz_3, axis=0)",
        "dx_2 = dz_3 @ W_2",
        "dx_1 = (1 - y_1 ** 2) * dx_2",
        "dW_0 = dx_1.T @ x",
        "db_0 = sum(dx_1, axis=0)",
        "dx_0 = dx_1 @ W_0",
    ]


def test_headings_name_the_layer_and_the_results_their_place() -> None:
    text = str(hg.trace(hg.Net(hg.Linear(2, 3), hg.Tanh()), hg.MSELoss()))
    assert text.startswith("Net(Linear(2, 3), Tanh()) with MSELoss(), training\n")
    assert "\nforward · 0 · Linear(2, 3)\n" in text
    assert "\nbackward · loss · MSELoss()\n" in text
    assert "\n  d 0.W = dW_0\n" in text
    assert "(n, 3) float32" in text


def test_an_update_rule_reads_as_its_formula() -> None:
    assert formulas(hg.trace(hg.SGD(0.1))) == ["new_w = w - learning_rate * dw"]


def test_brackets_are_kept_where_they_matter_and_only_there() -> None:
    class Page(hg.Layer):
        def forward(self, x: np.ndarray) -> np.ndarray:
            return x - (x - 1) - 2 * (x + x / (x * 3)) ** 2 + -x

    assert formulas(hg.trace(Page(), training=False)) == [
        "y = x - (x - 1) - 2 * (x + x / (x * 3)) ** 2 + -x"
    ]


def test_windows_scatter_and_random_draws_print() -> None:
    text = str(hg.trace(pages.Conv1d()))
    assert "einsum(nik,k->ni, windows, w)" in text
    x = np.zeros((4, 2), int)
    assert "dE with [x] += dy" in str(hg.trace(hg.Embedding(3, 2), x=x))
    assert "rng.random([n, 4])" in str(hg.trace(pages.Dropout(), x=np.zeros((4, 4))))


def test_constants_that_follow_n_stand_in_brackets_where_they_would_be_misread() -> None:
    text = str(hg.trace(hg.BatchNorm(3)))
    assert "running_var' = 0.9 * running_var + 0.1 * (var * n / (n - 1))" in text


def test_gradients_of_a_line_that_assigns_to_several_names_have_their_own() -> None:
    text = str(hg.trace(hg.BatchNorm(3)))
    assert "  dgamma = sum(z * dy, axis=[0])" in text
    assert "  dbeta = sum(dy, axis=[0])" in text


class Gated(hg.Layer):
    def forward(self, x: Any) -> Any:
        self.x = x
        self.a, self.g = x[:, :2], x[:, 2:]
        return self.a * self.g

    def backward(self, dy: Any) -> Any:
        return np.concatenate([dy * self.g, dy * self.a], axis=1)


def test_a_line_of_several_names_and_values_gives_each_its_own() -> None:
    found = formulas(hg.trace(Gated(), x=np.ones((4, 4), np.float32)))
    assert {"a = x[:, :2]", "g = x[:, 2:]", "y = a * g"} <= {*found}


def test_what_a_function_of_the_file_makes_of_a_line_is_not_called_what_went_in() -> None:
    found = formulas(hg.trace(hg.MultiheadAttention(4, 2)))
    assert [line for line in found if line.startswith("p = ")] == [
        "p = e / sum(e, axis=-1, keepdims=True)"
    ]


def test_a_line_that_runs_for_each_step_names_what_its_last_run_gives() -> None:
    x = np.ones((3, 2, 1), "float32")
    net = hg.Net(hg.GRU(1, 1), hg.Linear(1, 1))
    found = formulas(hg.trace(net, hg.MSELoss(), x=x, y=np.ones((3, 1))))
    named = {name: formula for name, _, formula in (line.partition(" = ") for line in found)}
    assert not named.keys() & {"after_0", "kept_0", "m_0"}
    assert re.fullmatch(r"t\d+_0 @ U_0\.T \+ v_0", named["u_0"])
    assert named["uz_0"] == "u_0[:, 1:2]"
    assert re.fullmatch(r"tanh\(an_0 \+ t\d+_0 \* un_0\)", named["n_0"])

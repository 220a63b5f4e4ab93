"""Every control of the playground changes the state as it says, by keyboard and by pointer."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.browser.shell import Shell, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

Act = Callable[[Shell, str], None]


@dataclass(frozen=True)
class Control:
    """A control by its name: what it does to which part of the state, and how it is reached."""

    name: str
    path: str
    expected: object
    by_keys: Act
    by_pointer: Act
    link: str = ""
    by_pointer_expected: object = None


def press(*keys: str) -> Act:
    def act(shell: Shell, name: str) -> None:
        shell.reveal(name).focus()
        for key in keys:
            shell.page.keyboard.press(key)

    return act


def click(shell: Shell, name: str) -> None:
    shell.reveal(name).click()


def click_more(shell: Shell, name: str) -> None:
    shell.reveal(name).locator("xpath=following-sibling::button").click()


def click_right_end(shell: Shell, name: str) -> None:
    found = shell.reveal(name)
    box = found.bounding_box()
    assert box
    found.click(position={"x": box["width"] - 3, "y": box["height"] / 2})


def select_second(shell: Shell, name: str) -> None:
    shell.reveal(name).select_option(index=1)


def type_text(text: str) -> Act:
    def act(shell: Shell, name: str) -> None:
        shell.reveal(name).focus()
        shell.page.keyboard.press("Control+A")
        shell.page.keyboard.type(text)
        shell.page.keyboard.press("Tab")

    return act


def fill(text: str) -> Act:
    def act(shell: Shell, name: str) -> None:
        shell.reveal(name).click()
        shell.control(name).fill(text)
        shell.page.locator(".counter").click()

    return act


def number(name: str, path: str, expected: object, link: str = "") -> Control:
    return Control(name, path, expected, press("ArrowUp"), click_more, link)


def chosen(name: str, path: str, expected: object, link: str = "") -> Control:
    return Control(name, path, expected, press("ArrowDown"), select_second, link)


def slider(name: str, path: str, expected: object, most: object) -> Control:
    return Control(
        name, path, expected, press("ArrowRight"), click_right_end, by_pointer_expected=most
    )


def switch(name: str, path: str, expected: object, link: str = "") -> Control:
    return Control(name, path, expected, press("Space"), click, link)


def button(name: str, path: str, expected: object) -> Control:
    return Control(name, path, expected, press("Enter"), click)


RATED = "learning_rate=0.03"
CONTROLS = [
    # data
    chosen("problem", "data.problem", "regression"),
    slider("noise", "data.noise", 5, 50),
    slider("share", "share", 60, 90),
    number("rows", "data.n", 750),
    number("batch_size", "batch_size", 15),
    chosen("classes", "data.classes", 3, "data=gauss"),
    switch("shuffle", "shuffle", False),
    button("regenerate", "data.seed", 1),
    Control(
        "formula",
        "data.formula",
        "x1**2 / 4",
        type_text("x1**2 / 4"),
        fill("x1**2 / 4"),
        "data=above",
    ),
    # net
    button("add_layer", "layers.length", 3),
    button("remove_layer", "layers.length", 1),
    button("remove_this_layer", "layers.length", 1),
    number("units", "layers.0.units", 5),
    chosen("layer_activation", "layers.0.activation", "ReLU"),
    chosen("normalization", "layers.0.normalization", "BatchNorm"),
    number("dropout", "layers.0.dropout", 0.05),
    switch("frozen", "layers.0.frozen", True),
    switch("gradients", "view.gradients", True),
    # learning
    number("learning_rate", "optimizer.learning_rate", 0.1),
    chosen("loss", "loss", "SoftmaxCrossEntropyLoss"),
    chosen("optimizer", "optimizer.name", "Adagrad"),
    chosen("activation", "layers.1.activation", "ReLU"),
    chosen("penalty", "penalty.name", "L1Penalty"),
    number("penalty_rate", "penalty.alpha", 0.003, "penalty=L2Penalty:alpha=0.001"),
    number(
        "l1_ratio", "penalty.l1_ratio", 0.55, "penalty=ElasticNetPenalty:alpha=0.1:l1_ratio=0.5"
    ),
    number("momentum", "optimizer.momentum", 0.5),
    switch("nesterov", "optimizer.nesterov", True, f"optimizer=SGD:{RATED}:momentum=0.9"),
    number("weight_decay", "optimizer.weight_decay", 0.0001),
    Control(
        "betas",
        "optimizer.betas",
        [0.8, 0.95],
        type_text("0.8, 0.95"),
        fill("0.8 0.95"),
        f"optimizer=Adam:{RATED}",
    ),
    number("momentum_decay", "optimizer.momentum_decay", 0.05, f"optimizer=NAdam:{RATED}"),
    chosen("schedule", "schedule.name", "step"),
    number("epochs", "schedule.epochs", 200, "schedule=cosine:epochs=100"),
    number("end", "schedule.end", 0.05, "schedule=cosine:epochs=100"),
    number("cycles", "schedule.cycles", 5, "schedule=cyclic_cosine:epochs=100"),
    number("rise", "schedule.rise", 0.35, "schedule=one_cycle:epochs=100"),
    chosen("initializer", "initializer", "lecun_uniform"),
    number("clip", "clip", 0.1),
    # run
    chosen("speed", "view.speed", 1),
    number("stop_epoch", "stop.epoch", 10),
    number("stop_loss", "stop.loss", 0.001),
    number("stop_patience", "stop.patience", 10),
    button("reset", "seed", 1),
    # the output
    switch("plane_tests", "view.test", True),
    switch("plane_discretize", "view.discretize", True),
]


@pytest.fixture
def at(browser: "Browser", address: str) -> Iterator[Callable[[str], Shell]]:
    """Opens a link, in English, and pauses."""
    open_now = []

    def opening(link: str) -> Shell:
        there = opened(browser, f"{address}#v=1&{link}", locale="en")
        shell = there.__enter__()
        open_now.append(there)
        shell.pause()
        return shell

    yield opening
    for there in open_now:
        there.__exit__(None, None, None)


@pytest.mark.parametrize("way", ["keys", "pointer"])
@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_a_control_changes_the_state(
    at: Callable[[str], Shell], control: Control, way: str
) -> None:
    shell = at(control.link)
    if way == "keys":
        control.by_keys(shell, control.name)
        shell.becomes(control.path, control.expected)
        return
    control.by_pointer(shell, control.name)
    shell.becomes(control.path, control.by_pointer_expected or control.expected)


@pytest.mark.parametrize("way", ["keys", "pointer"])
def test_the_run_is_driven(at: Callable[[str], Shell], way: str) -> None:
    shell = at("")
    act = press("Enter") if way == "keys" else click
    act(shell, "rewind")
    shell.until(lambda: shell.epoch == 0, "rewound")
    act(shell, "step_epoch")
    shell.until(lambda: shell.epoch == 1, "an epoch on")
    act(shell, "step_batch")
    small = shell.page.locator(".counter small")
    shell.until(lambda: "batch 1" in small.inner_text(), "a batch on")
    act(shell, "step_layer")
    shell.until(lambda: "forward" in small.inner_text(), "a layer on")
    act(shell, "play")
    shell.until(lambda: shell.epoch > 5, "it plays")
    act(shell, "play")


def test_the_page_has_keys_of_its_own(at: Callable[[str], Shell]) -> None:
    shell = at("")
    keyboard = shell.page.keyboard
    shell.page.evaluate("document.activeElement.blur()")
    keyboard.press("r")
    shell.until(lambda: shell.epoch == 0, "rewound")
    keyboard.press(".")
    shell.until(lambda: shell.epoch == 1, "an epoch on")
    keyboard.press("Space")
    shell.until(lambda: shell.epoch > 5, "it plays")
    keyboard.press("Space")
    keyboard.press("n")
    shell.becomes("seed", 1)
    keyboard.press("?")
    assert shell.page.locator("dialog.keys").is_visible()
    keyboard.press("Escape")
    assert not shell.page.locator("dialog.keys").is_visible()


def test_sets_and_inputs_are_chosen(at: Callable[[str], Shell]) -> None:
    shell = at("")
    shell.page.locator('[data-set="circle"]').focus()
    shell.page.keyboard.press("ArrowRight")
    shell.becomes("data.kind", "xor")
    shell.page.locator('[data-set="spiral"]').click()
    shell.becomes("data.kind", "spiral")
    shell.page.locator('[data-input="x1**2"]').focus()
    shell.page.keyboard.press("Space")
    shell.becomes("inputs", ["x1", "x2", "x1**2"])
    shell.page.locator('[data-input="x2"]').click()
    shell.becomes("inputs", ["x1", "x1**2"])
    type_text("cos(x1)")(shell, "add_input")
    shell.control("add").click()
    shell.becomes("inputs", ["x1", "x1**2", "cos(x1)"])
    type_text("cos(")(shell, "add_input")
    shell.control("add").click()
    shell.until(shell.page.locator(".notice").is_visible, "what is wrong is said")
    assert shell.value("inputs") == ["x1", "x1**2", "cos(x1)"]


def test_neurons_are_walked_through_and_their_weights_changed(at: Callable[[str], Shell]) -> None:
    shell = at("")
    shell.page.locator('.neuron[data-column="1"][data-unit="0"]').focus()
    for key in ("ArrowDown", "ArrowRight"):
        shell.page.keyboard.press(key)
    place = "[document.activeElement.dataset.column, document.activeElement.dataset.unit].join()"
    assert shell.page.evaluate(place) == "2,0"
    shell.page.keyboard.press("Enter")
    editor = shell.page.locator(".weight-editor")
    assert editor.is_visible()
    weight = editor.locator("input").nth(1)
    weight.focus()
    shell.page.keyboard.press("Control+A")
    shell.page.keyboard.type("1.5")
    shell.page.keyboard.press("Tab")
    shell.until(lambda: shell.state["events"], "the weight is in the state")
    assert weight.input_value() == "1.5"
    weight.fill("much")
    shell.page.keyboard.press("Tab")
    assert "much" in editor.locator(".wrong").nth(1).inner_text()


def test_a_link_of_the_net_is_pointed_at(at: Callable[[str], Shell]) -> None:
    shell = at("layers=1")
    canvas = shell.page.locator(".net-stage canvas")
    canvas.scroll_into_view_if_needed()
    first = shell.page.locator('.neuron[data-column="1"]').bounding_box()
    second = shell.page.locator('.neuron[data-column="2"][data-unit="0"]').bounding_box()
    assert first
    assert second
    x = (first["x"] + first["width"] + second["x"]) / 2
    y = (first["y"] + second["y"] + first["height"]) / 2
    shell.page.mouse.move(x, y)
    assert "weight" in shell.page.locator(".tip").inner_text()
    shell.page.mouse.click(x, y)
    assert shell.page.locator(".weight.meant").is_visible()


def test_a_number_that_does_not_fit_is_refused_in_place(at: Callable[[str], Shell]) -> None:
    shell = at("")
    type_text("0")(shell, "batch_size")
    field = shell.page.locator(".field", has=shell.control("batch_size"))
    assert "10000" in field.locator(".wrong").inner_text()
    assert shell.value("batch_size") == 10


def test_a_number_that_the_browser_takes_for_unchanged_is_taken(at: Callable[[str], Shell]) -> None:
    """Firefox fires no `change` for a number typed once more after another one was set."""
    shell = at("")
    for number, key in ((3, "Enter"), (4, "Tab")):
        field = shell.control("batch_size")
        field.focus()
        field.evaluate(f"(field) => {{ field.value = '{number}'; }}")  # of which none says change
        shell.page.keyboard.press(key)
        shell.becomes("batch_size", number)


def test_a_number_typed_again_is_taken_where_another_was_set_meanwhile(
    at: Callable[[str], Shell],
) -> None:
    shell = at("batch=10")
    field = shell.control("batch_size")
    field.fill("x")
    field.press("Enter")
    shell.page.evaluate("document.getElementById('playground').store.change({ batch_size: 20 })")
    shell.becomes("batch_size", 20)
    assert field.input_value() == "x"  # input in progress is kept
    field.fill("10")
    field.press("Enter")
    shell.becomes("batch_size", 10)


def test_a_pair_that_is_set_is_not_called_wrong(at: Callable[[str], Shell]) -> None:
    shell = at(f"optimizer=Adam:{RATED}")
    type_text("x")(shell, "betas")
    field = shell.page.locator(".field", has=shell.control("betas"))
    assert field.locator(".wrong").inner_text()
    type_text("0.02")(shell, "learning_rate")
    shell.becomes("optimizer.learning_rate", 0.02)
    assert shell.control("betas").input_value() == "0.9, 0.999"
    assert shell.control("betas").get_attribute("aria-invalid") == "false"
    assert not field.locator(".wrong").inner_text()


def test_nesterov_is_chosen_with_a_momentum(at: Callable[[str], Shell]) -> None:
    shell = at(f"optimizer=SGD:{RATED}:momentum=0.9:nesterov=1")
    shell.becomes("optimizer.nesterov", True)
    assert shell.control("nesterov").is_enabled()
    type_text("0")(shell, "momentum")
    shell.becomes("optimizer.nesterov", False)
    assert shell.control("nesterov").is_disabled()


def test_biases_that_are_0_at_first_are_not_said_to_jump(at: Callable[[str], Shell]) -> None:
    shell = at("")
    click(shell, "rewind")
    shell.page.get_by_role("tab", name="Training health").click()
    table = shell.page.locator(".health table").first
    shell.until(lambda: "%" in table.inner_text(), "the change is measured")
    rows = [row.split("\t") for row in table.locator("tbody tr").all_inner_texts()]
    assert {row[3] for row in rows if row[1] == "0"} == {"–"}
    assert "not a number" not in table.inner_text()


def test_the_language_changes_in_place(at: Callable[[str], Shell]) -> None:
    shell = at("")
    shell.page.get_by_role("button", name="中文").click()
    shell.becomes("language", "zh")
    assert shell.page.locator("html").get_attribute("lang") == "zh"
    assert (
        shell.page.locator(".net").locator("xpath=..").get_by_role("heading").first.inner_text()
        == "网络"
    )
    shell.page.get_by_role("button", name="English").press("Enter")
    shell.becomes("language", "en")

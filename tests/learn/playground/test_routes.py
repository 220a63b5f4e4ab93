"""What needs Python, asked for by a page: tables, files, the doctor, training."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.learn.playground.base64url import packed
from handgrad.learn.playground.models import numbers_in
from handgrad.learn.playground.own_nets import spec_of
from handgrad.learn.playground.replay import loss_of, net_of
from handgrad.learn.playground.routes import MOST_TRAININGS, Routes
from handgrad.learn.playground.state import LOSSES as STATE_LOSSES
from handgrad.learn.playground.state import state_of
from handgrad.learn.playground.tables import WholeTable
from handgrad.learn.playground.toy_data import ToyRows
from tests.learn.playground.serving import Serving, serving

LAYERS = [
    {"layer": "Linear", "settings": {"n_in": 2, "n_out": 8}},
    {"layer": "Tanh", "settings": {}},
    {"layer": "Linear", "settings": {"n_in": 8, "n_out": 2}},
    {"layer": "Softmax", "settings": {}},
]
X, Y = hg.data.make_moons(200, noise=0.1, rng=0)
NET = hg.Net(hg.Linear(2, 8, rng=0), hg.Tanh(), hg.Linear(8, 2, rng=1), hg.Softmax())


def said(**others: Any) -> dict[str, Any]:
    """What the page says of its net and rows."""
    y = base64.b64encode(Y.astype("<i4").tobytes()).decode()
    own = {
        "layers": LAYERS,
        "loss": "CrossEntropyLoss",
        "optimizer": {"name": "SGD", "learning_rate": 0.1},
        "weights": packed(NET.parameters),
        "batch_size": 10,
        "x": packed(X),
        "y": {"int32": y},
    }
    return own | others


@pytest.fixture(scope="module")
def running() -> Iterator[Serving]:
    with serving(Routes({})) as found:
        yield found


def test_a_table_is_read_and_told(running: Serving) -> None:
    content = b"a;b;kind\n" + b"".join(b"%d,5;x;%d\n" % (i, i % 3) for i in range(30))
    found = running.post("table?name=t.csv&target=kind", content).json()
    assert found["problem"] == "classification"
    assert found["rows"]["classes"] == ["0", "1", "2"]
    assert dict(found["table"]["read_as"])["a"].startswith("number")
    refused = running.post("table?name=t.csv&target=king", content)
    assert (refused.status, refused.json()["hint"]) == (422, "did you mean 'kind'?")
    assert running.post("table?name=t.csv", b"").status == 422


@pytest.mark.parametrize(
    "ending", [".py", ".onnx", ".js", ".wasm", ".html", ".c", "_torch.py", ".safetensors"]
)
def test_every_kind_of_file_is_written(running: Serving, ending: str) -> None:
    if ending == ".onnx":
        pytest.importorskip("onnx")
    found = running.post("file", said(name=f"my net{ending}"))
    assert (found.status, found.headers["Content-Type"]) == (200, "application/octet-stream")
    assert len(found.body) > 300


def test_the_file_predicts_as_the_net_of_the_page(running: Serving, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_bytes(running.post("file", said(name="../net.py")).body)
    names: dict[str, Any] = {"__name__": "net"}
    exec((tmp_path / "net.py").read_text("utf-8"), names)
    np.testing.assert_array_equal(names["predict"](X), NET.predict(X, engine="eager"))


def test_a_name_of_no_file_is_refused(running: Serving) -> None:
    for name in ("net.exe", "", "/etc/passwd"):
        assert running.post("file", said(name=name)).status == 422


def test_the_doctor_speaks_of_this_net(running: Serving) -> None:
    net = hg.Net(hg.Linear(2, 8, rng=0), hg.ReLU(), hg.Linear(8, 2, rng=1), hg.Softmax())
    net.layers[0].b = [-9.0] * 8
    layers = [LAYERS[0], {"layer": "ReLU", "settings": {}}, *LAYERS[2:]]
    history = [{"epoch": 1, "train": 0.7, "test": 0.7}, {"epoch": 2, "train": 0.7, "test": None}]
    given = said(layers=layers, weights=packed(net.parameters), history=history)
    found = running.post("doctor", given).json()
    assert "dead units" in [one["name"] for one in found]
    assert all(one["evidence"] and one["advice"] and one["where"] for one in found)


def events(body: bytes) -> list[dict[str, Any]]:
    return [json.loads(part[len("data: ") :]) for part in body.decode().split("\n\n") if part]


def test_a_training_is_told_epoch_by_epoch_with_its_weights(running: Serving) -> None:
    given = said(epochs=30, seed=7, x_test=packed(X), y_test=said()["y"])
    found = running.post("train", given)
    assert found.headers["Content-Type"] == "text/event-stream"
    last = events(found.body)[-1]
    assert (last["epoch"], last["ended"]) == (30, True)
    net = hg.Net(hg.Linear(2, 8, rng=0), hg.Tanh(), hg.Linear(8, 2, rng=1), hg.Softmax())
    rng = np.random.default_rng([7, 0])
    how: dict[str, Any] = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.SGD(0.1), "rng": rng}
    *_, report = hg.train(net, (X, Y), validation=(X, Y), **how, batch_size=10, epochs=30)
    held = hg.evaluate(net, (X, Y), loss=hg.CrossEntropyLoss())
    losses = {"train": held.loss, "test": report.validation_loss, "epoch": report.train_loss}
    assert last["losses"] == pytest.approx(losses, rel=1e-5)
    accuracy = held.metrics["accuracy"]
    assert last["scores"] == {"accuracy": {"train": accuracy, "test": accuracy}}
    np.testing.assert_array_equal(numbers_in(last["weights"], "weights"), net.parameters)


def trained(running: Serving, **others: Any) -> dict[str, Any]:
    """The last report of a training without shuffling."""
    given = said(**{"shuffle": False, "epochs": 5, **others})
    return events(running.post("train", given).body)[-1]


@pytest.mark.parametrize("schedule", [None, {"name": "cosine", "epochs": 8}])
def test_a_training_goes_on_where_it_was_paused(
    running: Serving, schedule: dict[str, Any] | None
) -> None:
    at_once = trained(running, schedule=schedule, epochs=10)
    first = trained(running, schedule=schedule)
    then = trained(running, schedule=schedule, begun=5, weights=first["weights"])
    found, expected = (numbers_in(one["weights"], "weights") for one in (then, at_once))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    constant = numbers_in(trained(running, epochs=10)["weights"], "weights")
    assert (schedule is None) == np.array_equal(constant, expected)


def test_running_state_comes_with_the_weights(running: Serving) -> None:
    norm = {"layer": "BatchNorm", "settings": {"n_features": 8}}
    linear = hg.Linear(2, 8, rng=0), hg.Linear(8, 2, rng=1)
    net = hg.Net(linear[0], hg.BatchNorm(8), hg.Tanh(), linear[1], hg.Softmax())
    given = {"layers": [LAYERS[0], norm, *LAYERS[1:]], "weights": packed(net.parameters)}
    state = numbers_in(trained(running, **given)["state"], "state")
    assert len(state) == len(net.running_state)
    assert (state != net.running_state).any()


@pytest.mark.parametrize("loss", [*STATE_LOSSES])
def test_every_loss_of_the_page_is_trained(running: Serving, loss: str) -> None:
    state = state_of({"loss": loss, "data": {"problem": problem_of(loss)}})
    y = X[:, 0].astype("f4") ** 2 if problem_of(loss) == "regression" else Y
    spec, net = spec_of(state), net_of(state)
    sent = packed(y) if y is not Y else said()["y"]
    how = {**spec, "batch_size": 10, "weights": packed(net.parameters), "y": sent}
    last = trained(running, **how, x_test=packed(X), y_test=sent)
    held = hg.evaluate(weighted(net, last), (X, y), loss=loss_of(state))
    assert last["losses"]["train"] == pytest.approx(held.loss, rel=1e-5)
    assert last["losses"]["test"] == pytest.approx(held.loss, rel=1e-5)


def problem_of(loss: str) -> str:
    return str(STATE_LOSSES[loss]["problem"])


def weighted(net: hg.Net, report: dict[str, Any]) -> hg.Net:
    net.parameters[...] = numbers_in(report["weights"], "weights")
    return net


def test_the_whole_of_a_table_is_trained_on_but_for_what_the_page_tests_on() -> None:
    kept = np.arange(0, 200, 4)
    whole = WholeTable(ToyRows(X.astype("f4"), Y.astype("f4"), ("a", "b"), ()), kept)
    tests = base64.b64encode(np.array([1, 3], "<i4").tobytes()).decode()
    trains = np.delete(np.arange(200), [4, 12])
    inputs = X.astype("f4")[trains, ::-1]
    y = base64.b64encode(Y[trains].astype("<i4").tobytes()).decode()
    with serving(Routes({}, whole=whole)) as running:
        assert running.post("given", {}).json() == {"whole": True}
        asked = {"inputs": ["b", "x1"], "tests": {"int32": tests}}
        found = trained(running, whole=asked)
        assert found["weights"] == trained(running, x=packed(inputs), y={"int32": y})["weights"]
        assert found["weights"] != trained(running)["weights"]
        for wrong in ({"inputs": ["b"]}, {"inputs": [], "tests": {"int32": ""}}, 3):
            assert running.post("train", said(whole=wrong)).status == 422
        far = base64.b64encode(np.array([50], "<i4").tobytes()).decode()
        assert running.post("train", said(whole={**asked, "tests": {"int32": far}})).status == 422


def test_a_training_that_leaves_the_numbers_says_so(running: Serving) -> None:
    rate = {"name": "SGD", "learning_rate": 1e30}
    last = events(running.post("train", said(optimizer=rate, epochs=50)).body)[-1]
    assert "epoch" in last["failure"]["came"]


def test_a_training_ends_when_nobody_listens(running: Serving) -> None:
    headers, body = running.headers(), json.dumps(said()).encode()
    for _ in range(2 * MOST_TRAININGS):  # each would go on for a million epochs
        with running.begin("POST", "/train", headers, body) as answer:
            first = json.loads(answer.readline()[len("data: ") :])
            while "failure" in first:  # the ones before have not heard yet
                with running.begin("POST", "/train", headers, body) as again:
                    first = json.loads(again.readline()[len("data: ") :])
            assert first["epoch"] >= 1


def test_a_training_ends_with_its_server() -> None:
    with serving(Routes({})) as running:
        answer = running.begin("POST", "/train", running.headers(), json.dumps(said()).encode())
        answer.readline()
    with answer:
        assert "ended" not in events(b"data: {}\n\n" + answer.read().lstrip())[-1]


def test_only_so_many_train_at_once(running: Serving) -> None:
    headers, body = running.headers(), json.dumps(said()).encode()
    answers = [running.begin("POST", "/train", headers, body) for _ in range(MOST_TRAININGS + 1)]
    first = [json.loads(answer.readline()[len("data: ") :]) for answer in answers]
    for answer in answers:
        answer.close()
    assert any("failure" in one for one in first)


@pytest.mark.parametrize(
    "others",
    [
        {"x": None},
        {"y": None},
        {"x": "AAAA"},
        {"epochs": 0},
        {"seed": -1},
        {"loss": None},
        {"optimizer": None},
        {"y": {"int64": ""}},
        {"y": {"int32": "?"}},
        {"schedule": {"name": "cosine"}},
        {"speed": -1},
        {"begun": -1},
    ],
)
def test_rows_that_do_not_fit_are_refused(running: Serving, others: dict[str, Any]) -> None:
    found = running.post("train", said(**others))
    assert found.status == 422
    assert found.json()["expected"]


def built(name: str, **settings: Any) -> dict[str, Any]:
    return {"layer": name, "settings": settings}


PICTURE = built("Reshape", shape=[1, 1, 2])


@pytest.mark.parametrize(
    "others",
    [
        {"width": 200_000_000},
        {"width": "x"},
        {"width": -1},
        {"width": 0},
        {"width": 2.0},
        {"width": True},
        {"layers": [built("Conv2d", n_in=1, n_out=1, kernel_size=1, padding=16_000)], "width": 4},
        {"layers": [PICTURE, built("Conv2d", n_in=1, n_out=1, kernel_size=1, padding=16_000)]},
        {
            "layers": [
                PICTURE,
                built("Conv2d", n_in=1, n_out=1, kernel_size=1, padding=16_000, stride=20_000),
            ]
        },
        {"layers": [PICTURE, built("MaxPool2d", kernel_size=32_001, padding=16_000)]},
        {"layers": [PICTURE, built("RandomShift", pixels=16_000)]},
        {"layers": [PICTURE, built("Conv2d", n_in=1, n_out=2**23, kernel_size=1)]},
        {
            "layers": [
                built("Embedding", n_values=9, size=1),
                built("MultiheadAttention", n_features=1, n_heads=1),
            ],
            "width": 2**17,
        },
    ],
)
def test_a_net_that_would_take_all_memory_is_refused(
    running: Serving, others: dict[str, Any]
) -> None:
    asked = {"weights": None, "width": 2} | others
    for route in ("program", *(["doctor", "file"] if "width" not in others else [])):
        found = running.post(route, said(**asked, name="net.py"))
        assert found.status == 422, found.body
        assert found.json()["expected"]


def test_a_history_that_is_none_is_left_out(running: Serving) -> None:
    histories: list[Any] = [[5], ["x"], [None], [[]], "x", {}]
    for history in histories:
        assert running.post("doctor", said(history=history)).status == 200


def test_weights_come_back_into_the_net() -> None:
    net = hg.Net(hg.Linear(1, 1, rng=0))
    with serving(Routes({}, net)) as running:
        assert running.post("weights", {"weights": packed(np.array([3.0, 4.0]))}).status == 200
        assert net.parameters.tolist() == [3.0, 4.0]
        assert running.post("weights", {"weights": packed(np.zeros(3))}).status == 200
        assert running.post("weights", {}).status == 422
    assert net.parameters.tolist() == [3.0, 4.0]

"""Checkpoints: a training that was stopped anywhere ends as if it had not been."""

import dataclasses
import json
import resource
import shutil
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import handgrad as hg
from handgrad.engines import minibatch_loop
from handgrad.engines.compiled import engine as compiled
from handgrad.engines.compiled import machine_code
from handgrad.engines.loops import partitioning
from handgrad.training import BestWeights
from handgrad.training.checkpoints import BEST, Checkpoints
from tests.bad_input.refused import refused
from tests.engines.test_ahead import Adagrad
from tests.files.checkpoint_fuzz import outcomes, sealed
from tests.training import by_hand
from tests.training.by_hand import HELD, X, Y, assert_same_state, classifier

EPOCHS = 4


def running_statistics() -> hg.Net:
    return hg.Net(
        hg.Linear(2, 6, rng=1), hg.BatchNorm(6), hg.Tanh(), hg.Linear(6, 2, rng=2), hg.Softmax()
    )


def random_layers() -> hg.Net:
    return hg.Net(hg.Linear(2, 6, rng=1), hg.Dropout(0.2), hg.Linear(6, 2, rng=2), hg.Softmax())


def training(net: hg.Net, **options: Any) -> Any:
    usual: dict[str, Any] = {
        "optimizer": Adagrad(0.1),
        "epochs": EPOCHS,
        "batch_size": 8,
        "validation": HELD,
        "engine": "eager",
    }
    return by_hand.train(net, **(usual | options))


def figures(history: hg.training.History) -> list[dict[str, Any]]:
    """All that is reported, but the time it took."""
    return [dataclasses.asdict(report) | {"seconds": 0} for report in history]


@pytest.fixture
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every epoch can be interrupted, as those that take seconds can."""
    monkeypatch.setattr(compiled, "PART", 0.0)
    monkeypatch.setattr(minibatch_loop, "PART", 2)


def all_checkpoints(net: hg.Net, folder: Path, **options: Any) -> hg.training.History:
    """Train and keep a checkpoint at every moment that one can be written."""
    kept = hg.training.checkpoints(training(net, **options), folder, seconds=0, keep=10**6)
    for _ in kept:
        pass
    return kept.history


@pytest.mark.slow
@pytest.mark.parametrize("parts", ["whole epochs", "parts of epochs"])
@pytest.mark.parametrize(
    ("kind", "engine"),
    [
        (classifier, "eager"),
        (classifier, "compiled"),
        (running_statistics, "eager"),
        (running_statistics, "compiled"),
        (random_layers, "eager"),
        (random_layers, "compiled"),
    ],
)
def test_from_every_checkpoint_the_training_ends_with_the_same_bits(
    kind: Callable[[], hg.Net], engine: str, parts: str, tmp_path: Path, request: Any
) -> None:
    expected, net = kind(), kind()
    reference = hg.training.History([*training(expected, engine=engine)])
    if parts == "parts of epochs":
        request.getfixturevalue("short_parts")
    history = all_checkpoints(net, tmp_path / "all", engine=engine)
    assert figures(history) == figures(reference)
    assert_same_state(net, expected.state())
    files = sorted((tmp_path / "all").glob("epoch-*"))
    assert len(files) == (EPOCHS + 1 if parts == "whole epochs" else len(files))
    assert len(files) > EPOCHS
    for i, file in enumerate(files):
        folder = tmp_path / str(i)
        folder.mkdir()
        shutil.copy(file, folder)
        net = kind()
        resumed = hg.training.checkpoints(
            training(net, engine=engine), folder, seconds=0, resume=True
        )
        assert len(resumed.history) == int(file.name.split("-")[1])
        for _ in resumed:
            pass
        assert figures(resumed.history) == figures(reference)
        assert_same_state(net, expected.state())


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_a_weighted_epoch_comes_to_the_same_in_parts(
    engine: str, tmp_path: Path, request: Any
) -> None:
    expected, net, weights = classifier(), classifier(), np.linspace(0, 3, len(X))
    reference = hg.training.History([*training(expected, engine=engine, sample_weight=weights)])
    request.getfixturevalue("short_parts")
    history = all_checkpoints(net, tmp_path, engine=engine, sample_weight=weights)
    assert figures(history) == figures(reference)
    assert_same_state(net, expected.state())
    files = sorted(tmp_path.glob("epoch-*"))
    within = next(file for file in files if file.name.startswith("epoch-000003-000000016"))
    for file in files[files.index(within) + 1 :]:
        file.unlink()
    net = classifier()
    resumed = hg.training.checkpoints(
        training(net, engine=engine, sample_weight=weights), tmp_path, resume=True
    )
    assert [report.epoch for report in resumed] == [4]
    assert figures(resumed.history) == figures(reference)
    assert_same_state(net, expected.state())


def test_parts_of_an_epoch_have_checkpoints_of_their_own(tmp_path: Path, short_parts: None) -> None:
    all_checkpoints(classifier(), tmp_path, epochs=1)
    names = [path.name for path in sorted(tmp_path.glob("epoch-*"))]
    assert names[:3] == [
        "epoch-000000-000000000.safetensors",
        "epoch-000000-000000016.safetensors",
        "epoch-000000-000000032.safetensors",
    ]


@pytest.mark.parametrize("bit_generator", [np.random.PCG64, np.random.MT19937, np.random.SFC64])
def test_any_source_of_random_numbers_goes_on_where_it_was(
    bit_generator: Any, tmp_path: Path
) -> None:
    def of(epochs: int, net: hg.Net) -> Any:
        return training(net, epochs=epochs, rng=np.random.Generator(bit_generator(3)))

    expected, first, second = random_layers(), random_layers(), random_layers()
    assert len([*of(4, expected)]) == 4
    assert len([*hg.training.checkpoints(of(2, first), tmp_path)]) == 2
    assert len([*hg.training.checkpoints(of(4, second), tmp_path, resume=True)]) == 2
    assert_same_state(second, expected.state())


def fit(net: hg.Net, **options: Any) -> hg.training.History:
    usual: dict[str, Any] = {
        "optimizer": hg.SGD(0.05),
        "epochs": 200,
        "batch_size": 8,
        "validation": 0.2,
        "early_stopping": 5,
        "engine": "compiled",
    }
    return by_hand.fit(net, **(usual | options))


def stopped_after(reports: Any, epochs: int) -> Iterator[hg.training.EpochReport]:
    for report in reports:
        yield report
        if report.epoch == epochs:
            raise KeyboardInterrupt


@pytest.mark.parametrize("epochs", [1, 3, 12])
def test_fit_resumes_with_early_stopping_as_if_nothing_had_been(
    epochs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = fit(expected := classifier())
    assert 9 < len(reference) < 200
    init = Checkpoints.__init__

    def often(self: Any, *args: Any, **options: Any) -> None:
        init(self, *args, **(options | {"seconds": 0}))

    monkeypatch.setattr(Checkpoints, "__init__", often)
    folder = tmp_path / "a"
    assert fit(classifier(), checkpoint=folder, epochs=epochs).stopped_because
    whole = [int(path.name.split("-")[1]) for path in sorted(folder.glob("epoch-*"))]
    assert whole == [0, epochs]  # all epochs were run in one call: between them there is no state
    history = fit(net := classifier(), checkpoint=folder, resume=True)
    assert figures(history) == figures(reference)
    assert history.stopped_because == reference.stopped_because
    assert_same_state(net, expected.state())
    again = fit(once_more := classifier(), checkpoint=folder, resume=True)
    assert figures(again) == figures(reference)
    assert_same_state(once_more, expected.state())


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_a_schedule_and_the_memory_of_adam_go_on_where_they_were(
    engine: str, tmp_path: Path, short_parts: None
) -> None:
    def options() -> dict[str, Any]:
        optimizer = hg.optimizers.NAdam(
            0.1, clip_norm=0.5, groups={"0.*": {"learning_rate_factor": 0.5}}
        )
        return {"optimizer": optimizer, "schedule": hg.schedules.one_cycle(), "engine": engine}

    expected = classifier()
    reference = hg.training.History([*training(expected, **options())])
    assert len(set(reference["learning_rate"])) == EPOCHS
    all_checkpoints(classifier(), tmp_path / "all", **options())
    for i, file in enumerate(sorted((tmp_path / "all").glob("epoch-*"))):
        (folder := tmp_path / str(i)).mkdir()
        shutil.copy(file, folder)
        net = classifier()
        resumed = hg.training.checkpoints(training(net, **options()), folder, resume=True)
        for _ in resumed:
            pass
        assert figures(resumed.history) == figures(reference)
        assert_same_state(net, expected.state())


@pytest.mark.parametrize("epochs", range(1, 14))
def test_fit_resumes_with_a_lower_rate_on_a_plateau(epochs: int, tmp_path: Path) -> None:
    own: dict[str, Any] = {"early_stopping": None, "reduce_on_plateau": 1, "epochs": 14}
    own |= {"optimizer": hg.SGD(2.0), "engine": "eager"}
    reference = fit(expected := classifier(), **own)
    assert len(set(reference["learning_rate"])) > 2
    fit(classifier(), checkpoint=tmp_path, **own | {"epochs": epochs})
    history = fit(net := classifier(), checkpoint=tmp_path, resume=True, **own)
    assert figures(history) == figures(reference)
    assert_same_state(net, expected.state())


def test_ctrl_c_leaves_the_net_and_the_history(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = classifier()
    reference = [*training(expected, epochs=3, optimizer=hg.SGD(0.1))]
    stop = lambda reports, **_: stopped_after(reports, 3)  # noqa: E731
    monkeypatch.setattr(import_module("handgrad.training.fit"), "shown", stop)
    net = classifier()
    with pytest.warns(UserWarning, match="training was interrupted in epoch 4"):
        history = hg.fit(
            net,
            (X, Y),
            loss=hg.CrossEntropyLoss(),
            optimizer=hg.SGD(0.1),
            epochs=9,
            batch_size=8,
            validation=HELD,
            rng=0,
            progress=True,
        )
    assert figures(history) == figures(hg.training.History(reference))
    assert history.stopped_because == "interrupted in epoch 4"
    assert_same_state(net, expected.state())


def test_the_last_stay_and_the_best_weights(tmp_path: Path) -> None:
    (tmp_path / ".epoch-000001-000000000.safetensors.abc").write_bytes(b"half")
    net = classifier()
    kept = hg.training.checkpoints(training(net), tmp_path, seconds=0, keep=3, monitor="train_loss")
    weights = [net.state() for _ in kept]
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [
        "best.safetensors",
        *(f"epoch-00000{n}-000000000.safetensors" for n in (2, 3, 4)),
    ]
    best = kept.history.best("train_loss").epoch
    assert_same_state(hg.exchange.load_weights(classifier(), tmp_path / BEST), weights[best - 1])


def test_seconds_lie_between_checkpoints(tmp_path: Path) -> None:
    net, now = classifier(), [0.0]
    made = training(net)
    how: dict[str, Any] = {"seconds": 10, "keep": 9, "clock": lambda: now[0]}
    kept = Checkpoints(made, tmp_path, BestWeights(net), "train_loss", resume=False, **how)
    for _ in kept:
        now[0] += 6
    epochs = [int(path.name.split("-")[1]) for path in sorted(tmp_path.glob("epoch-*"))]
    assert epochs == [0, 3, 4]


def test_fit_is_told_how_many_seconds_lie_between_checkpoints(tmp_path: Path) -> None:
    own: dict[str, Any] = {"epochs": EPOCHS, "early_stopping": None, "engine": "eager"}
    for seconds, first in ((0, EPOCHS - 1), (1000, 0)):
        folder = tmp_path / str(seconds)
        fit(classifier(), checkpoint=folder, checkpoint_seconds=seconds, **own)
        written = sorted((tmp_path / str(seconds)).glob("epoch-*"))
        assert [int(file.name.split("-")[1]) for file in written] == [first, EPOCHS]
    with refused(hg.errors.SettingError, "checkpoint_seconds = -1"):
        fit(classifier(), checkpoint=tmp_path, checkpoint_seconds=-1)


def test_more_epochs_may_be_asked_for(tmp_path: Path) -> None:
    for epochs in (2, 5):
        net = classifier()
        kept = hg.training.checkpoints(training(net, epochs=epochs), tmp_path, resume=True)
        assert [report.epoch for report in kept][-1] == epochs
    expected = classifier()
    assert len([*training(expected, epochs=5)]) == 5
    assert_same_state(net, expected.state())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"optimizer": hg.SGD(0.1)}, "optimizer SGD(0.1), but the training to resume had"),
        ({"optimizer": Adagrad(0.2)}, "optimizer Adagrad(0.2), but"),
        ({"schedule": hg.schedules.cosine()}, "schedule for 4 epochs, factors 1, 0.9619, "),
        ({"batch_size": 9}, "batch_size 9, but the training to resume had 8"),
        ({"loss": hg.SoftmaxCrossEntropyLoss()}, "loss SoftmaxCrossEntropyLoss(), but"),
        ({"shuffle": False}, "shuffle False, but"),
        ({"data": (X + 1, Y)}, "training data differ"),
        ({"data": (X, Y[::-1])}, "training data differ"),
        ({"validation": (X, Y)}, "validation data differ"),
        ({"validation": None}, "validation data differ"),
        ({"penalty": hg.penalties.L2Penalty(0.1)}, "penalty L2Penalty(0.1), but the training to"),
        ({"sample_weight": 1.0 + (Y == 0)}, "training data differ"),
        ({"validation": (*HELD, 1.0 + (HELD[1] == 0))}, "validation data differ"),
        ({"metrics": []}, "metrics none, but the training to resume had accuracy"),
    ],
    ids=[
        "optimizer",
        "rate",
        "schedule",
        "batch size",
        "loss",
        "shuffle",
        "rows",
        "targets",
        "validation rows",
        "no validation",
        "penalty",
        "weights",
        "validation weights",
        "metrics",
    ],
)
def test_a_training_of_other_settings_is_not_resumed(
    change: dict[str, Any], words: str, tmp_path: Path
) -> None:
    assert [*hg.training.checkpoints(training(classifier(), epochs=2), tmp_path)]
    net = classifier()
    if "loss" in change:
        net = hg.Net(*[hg.Linear(2, 5, rng=1), hg.Tanh(), hg.Linear(5, 2, rng=2)])
        words = "net Net("
    other = training(net, **change)
    with (
        refused(hg.errors.SettingError, words, "resume", net=net)
        if "data" not in words
        else refused(hg.errors.SettingError, words, "the same rows in the same order", net=net)
    ):
        hg.training.checkpoints(other, tmp_path, resume=True)


def test_another_net_is_not_resumed(tmp_path: Path) -> None:
    assert [*hg.training.checkpoints(training(classifier(), epochs=2), tmp_path)]
    for net in (classifier(np.float64), running_statistics()):
        with refused(hg.errors.SettingError, "but the training to resume had", net=net):
            hg.training.checkpoints(training(net), tmp_path, resume=True)
    frozen = classifier()
    frozen.layers[0].freeze()
    with refused(hg.errors.SettingError, "frozen parameters", net=frozen):
        hg.training.checkpoints(training(frozen), tmp_path, resume=True)


def test_a_folder_in_use_is_not_written_to(tmp_path: Path) -> None:
    assert [*hg.training.checkpoints(training(classifier(), epochs=2), tmp_path)]
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    net = classifier()
    with refused(
        hg.errors.SettingError, f"{tmp_path} already has checkpoints", "resume=True", net=net
    ):
        hg.training.checkpoints(training(net), tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_is_no_training_is_refused(tmp_path: Path) -> None:
    net = classifier()
    with refused(hg.errors.SettingError, "hg.training.checkpoints(hg.train(…), folder) first"):
        hg.training.checkpoints(hg.training.progress(training(net), epochs=2), tmp_path)  # type: ignore[arg-type]


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    assert [*hg.training.checkpoints(training(classifier(), epochs=2), tmp_path)]
    path = sorted(tmp_path.glob("epoch-*"))[-1]
    content = path.read_bytes()
    net = classifier()
    for damaged in (b"", content[:50], content[:-1], content + b"0", b"\xff" * 8 + content[8:]):
        path.write_bytes(damaged)
        with refused(hg.errors.FileError, f"{path}: ", "resume from the one before", net=net):
            hg.training.checkpoints(training(net), tmp_path, resume=True)
    hg.save(net, path)
    with refused(hg.errors.FileError, f"{path}: not a checkpoint", net=net):
        hg.training.checkpoints(training(net), tmp_path, resume=True)


def test_arrays_of_another_shape_are_refused(tmp_path: Path) -> None:
    assert [*hg.training.checkpoints(training(classifier(), epochs=2), tmp_path)]
    path = sorted(tmp_path.glob("epoch-*"))[-1]
    with safe_open(path, "numpy") as file:
        about = file.metadata()
    arrays = load_file(path)
    net = classifier()
    for name in ("parameters", "order", "optimizer.s", "best.0.W"):
        path.write_bytes(sealed(arrays | {name: arrays[name][:1]}, about))
        with refused(hg.errors.FileError, f"{path}: ", name.removeprefix("best."), net=net):
            hg.training.checkpoints(training(net), tmp_path, resume=True)
        path.write_bytes(sealed({n: a for n, a in arrays.items() if n != name}, about))
        with refused(hg.errors.FileError, f"{path}: ", name.removeprefix("best."), net=net):
            hg.training.checkpoints(training(net), tmp_path, resume=True)


def test_a_bit_that_changed_is_found(tmp_path: Path) -> None:
    assert [*hg.training.checkpoints(training(classifier(), epochs=2), tmp_path)]
    path = sorted(tmp_path.glob("epoch-*"))[-1]
    content, net = path.read_bytes(), classifier()
    rng = np.random.default_rng(0)
    for place in (*rng.integers(8, len(content), 60), len(content) - 1):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with refused(hg.errors.FileError, f"{path}: ", net=net):
            hg.training.checkpoints(training(net), tmp_path, resume=True)


@pytest.mark.parametrize("version", ["1", "3", "\n" * 999])
def test_a_checkpoint_of_another_format_is_refused(version: str, tmp_path: Path) -> None:
    assert [*hg.training.checkpoints(training(classifier(), epochs=2), tmp_path)]
    path = sorted(tmp_path.glob("epoch-*"))[-1]
    about = {"handgrad.checkpoint": version, "state": "{}"}
    save_file(load_file(path), path, about)
    net, words = classifier(), version if version.isdigit() else "..."
    with refused(
        hg.errors.FileError, f"{path}: a checkpoint of format", words, "format 2", net=net
    ):
        hg.training.checkpoints(training(net), tmp_path, resume=True)


def test_a_checkpoint_without_the_last_stream_changes_no_other(tmp_path: Path) -> None:
    assert [*hg.training.checkpoints(training(random_layers(), epochs=2), tmp_path)]
    path = sorted(tmp_path.glob("epoch-*"))[-1]
    with safe_open(path, "numpy") as file:
        about = file.metadata()
    told = json.loads(about["state"])
    told["values"]["streams"][-1] = {}
    path.write_bytes(sealed(load_file(path), about | {"state": json.dumps(told)}))
    net = random_layers()
    made = training(net)
    before = made.generator.bit_generator.state
    with refused(hg.errors.FileError, f"{path}: ", "from the one before", net=net):
        hg.training.checkpoints(made, tmp_path, resume=True)
    assert made.generator.bit_generator.state == before


def test_another_source_of_random_numbers_changes_nothing(tmp_path: Path) -> None:
    assert [*hg.training.checkpoints(training(classifier(), epochs=2), tmp_path)]
    net, rng = classifier(), np.random.Generator(np.random.MT19937(0))
    other = training(net, rng=rng)
    before = rng.bit_generator.state
    with refused(hg.errors.FileError, "MT19937", "from the one before", net=net):
        hg.training.checkpoints(other, tmp_path, resume=True)
    assert repr(rng.bit_generator.state) == repr(before)
    assert other.loop.epoch == 0


def test_what_changed_around_it_is_told(tmp_path: Path) -> None:
    assert [*hg.training.checkpoints(training(classifier(), epochs=2), tmp_path)]
    path = sorted(tmp_path.glob("epoch-*"))[-1]
    with safe_open(path, "numpy") as file:
        about = file.metadata()
    told = json.loads(about["state"])
    told["environment"]["NumPy"] = "1.0"
    path.write_bytes(sealed(load_file(path), about | {"state": json.dumps(told)}))
    with pytest.warns(UserWarning, match=rf"NumPy {np.__version__} instead of 1.0: the last"):
        hg.training.checkpoints(training(classifier()), tmp_path, resume=True)
    with pytest.warns(UserWarning, match="engine compiled instead of eager"):
        hg.training.checkpoints(training(classifier(), engine="compiled"), tmp_path, resume=True)


def test_another_processor_or_number_of_cores_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begun() -> Any:
        return training(classifier(), epochs=2, engine="compiled", batch_size=90)

    monkeypatch.setattr(partitioning, "MULTIPLICATIONS", 8)
    monkeypatch.setattr(partitioning, "LINE", 2)
    monkeypatch.setattr(
        "handgrad.engines.compiled.small_gemm.vector_bytes", lambda: 0
    )  # so by BLAS
    for module in (machine_code, compiled):
        monkeypatch.setattr(module, "available_cores", lambda: 2)
    assert [*hg.training.checkpoints(begun(), tmp_path)]
    for module in (machine_code, compiled):
        monkeypatch.setattr(module, "available_cores", lambda: 3)
    monkeypatch.setattr(sys.modules[Checkpoints.__module__], "processor", lambda: "abacus AVX9")
    with pytest.warns(UserWarning, match=r"cores 3 instead of 2; processor abacus AVX9 instead"):
        hg.training.checkpoints(begun(), tmp_path, resume=True)


def test_machine_code_goes_on_with_the_same_bits_on_another_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begun() -> Any:
        return training(classifier(), epochs=2, engine="compiled")

    assert [*hg.training.checkpoints(begun(), tmp_path)]
    monkeypatch.setattr(sys.modules[Checkpoints.__module__], "processor", lambda: "abacus AVX9")
    hg.training.checkpoints(begun(), tmp_path, resume=True)  # warnings are errors


ALONE = """
import sys, handgrad as hg
net = hg.Net(hg.Linear(2, 2, rng=0), hg.Softmax())
training = hg.train(net, hg.data.make_moons(rng=0), loss=hg.CrossEntropyLoss(), rng=0,
    optimizer=hg.SGD(0.1), epochs=2, engine="eager")
kept = hg.training.checkpoints(training, sys.argv[1], resume=True)
"""


def test_a_blas_that_takes_no_part_is_not_told(tmp_path: Path) -> None:
    for also in ("next(kept)", "import scipy.linalg"):
        text = f"{also}{ALONE}" if also.startswith("import") else f"{ALONE}{also}"
        command = [sys.executable, "-W", "error", "-c", text, str(tmp_path)]
        subprocess.run(command, check=True, capture_output=True)


@pytest.mark.slow
def test_a_mutated_checkpoint_is_refused_whole_or_gone_on_from(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of another environment, for one
        found = [*outcomes(150, 0, tmp_path)]
    assert found.count("refused") > 100
    assert found.count("taken") > 5


def test_a_full_disk_leaves_the_last_checkpoint_whole(tmp_path: Path) -> None:
    kept = hg.training.checkpoints(training(net := classifier()), tmp_path, seconds=0)
    assert next(kept).epoch == 1
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with refused(hg.errors.FileError, "could not be written: File too large", "free space"):
            next(kept)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert np.isfinite(net.parameters).all()


def test_a_folder_that_cannot_be_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    net = classifier()
    with refused(hg.errors.FileError, "could not be written", net=net):
        hg.training.checkpoints(training(net), tmp_path / "file" / "a")


def test_a_schedule_for_another_number_of_epochs_is_not_gone_on_with(tmp_path: Path) -> None:
    schedule = hg.schedules.cosine()
    assert [*hg.training.checkpoints(training(classifier(), epochs=2, schedule=schedule), tmp_path)]
    net = classifier()
    other = training(net, epochs=5, schedule=schedule)
    with refused(hg.errors.SettingError, "schedule for 5 epochs", "had for 2 epochs", net=net):
        hg.training.checkpoints(other, tmp_path, resume=True)

"""The main job: from a table to a trained net, its report and its files."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.data import BUNDLED, Dataset, load, read_csv, train_test_split
from handgrad.errors import DataError, SettingError
from handgrad.files import FileError
from handgrad.fit import fit
from handgrad.layers import Layer, LeakyReLU, Linear, ReLU, Sigmoid, Softmax, Standardize, Tanh
from handgrad.losses import CrossEntropyLoss, Loss, MSELoss
from handgrad.metrics import metrics_of
from handgrad.net import Net
from handgrad.optimizers import SGD
from handgrad.plots import plot_training_progress
from handgrad.saving import save_weights
from handgrad.training import Evaluation, History, evaluate

if TYPE_CHECKING:
    from rich.console import Console

ACTIVATIONS: dict[str, type[Layer]] = {
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "tanh": Tanh,
    "sigmoid": Sigmoid,
}


@dataclass(frozen=True)
class Settings:
    """What the command line was asked for."""

    data: str
    target: str
    layers: str
    epochs: int
    batch_size: int
    learning_rate: float
    validation: float
    patience: int
    metrics: tuple[str, ...]
    seed: int
    folder: Path


@dataclass(frozen=True)
class Run:
    """A finished training: the net in the target's own units, and how it went."""

    net: Net
    history: History
    training: Evaluation
    validation: Evaluation


def run_training(settings: Settings, console: "Console") -> Run:
    """Read, train, show the result and write the run's folder."""
    folder = settings.folder
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileError(f"{folder} is there already", "a new or empty folder", "another --out")
    dataset = _read(settings)
    console.print(f"[bold]{dataset.name}[/bold]: {_described(dataset)}")
    run = _train(settings, dataset)
    console.print(_result_table(dataset, run))
    best = run.history.best("validation_loss").epoch
    console.print(
        f"{len(run.history)} epochs: {run.history.stopped_because}; weights of epoch {best} kept"
    )
    _write(folder, dataset, run, best)
    console.print(
        f"written: [bold]{folder}[/bold]/{{weights.safetensors, history.csv, "
        "history.json, training.png}",
        highlight=False,
    )
    return run


def suggested_folder(parent: Path, name: str) -> Path:
    """The first of NAME-1, NAME-2 … in `parent` that is not there yet."""
    number = 1
    while (parent / f"{name}-{number}").exists():
        number += 1
    return parent / f"{name}-{number}"


def hidden_layers(text: str, n_in: int, rng: np.random.Generator) -> tuple[list[Layer], int]:
    """The layers that `64,tanh,32,relu` asks for, and how many numbers come out of them."""
    layers: list[Layer] = []
    for word in filter(None, (part.strip() for part in text.split(","))):
        if word.isdigit() and int(word) > 0:
            layers.append(Linear(n_in, int(word), initializer="he_normal", rng=rng))
            n_in = int(word)
        elif word in ACTIVATIONS:
            layers.append(ACTIVATIONS[word]())
        else:
            raise SettingError(
                f"{word!r} in --layers {text}",
                f"numbers of units, and {', '.join(ACTIVATIONS)}",
                "--layers 32,relu,32,relu",
            )
    return layers, n_in


def _read(settings: Settings) -> Dataset:
    if settings.data in BUNDLED:
        if settings.target != "target":
            raise DataError(
                f"{settings.data}: no column named {settings.target!r} to predict",
                "the bundled set's own target",
                f"handgrad train {settings.data}, without --target",
            )
        return load(settings.data)
    if not Path(settings.data).exists() and "." not in Path(settings.data).name:
        raise DataError(
            f"{settings.data!r} is neither a file nor a bundled data set",
            f"a CSV file, or one of {', '.join(BUNDLED)}",
            "handgrad train breast_cancer",
        )
    return read_csv(settings.data, settings.target)


def _described(dataset: Dataset) -> str:
    rows, features = dataset.x.shape
    if not dataset.class_names:
        kind = f"a number, {dataset.y.min():g} to {dataset.y.max():g}"
    else:
        names = ", ".join(dataset.class_names[:6])
        more = ", …" if len(dataset.class_names) > 6 else ""
        kind = f"{len(dataset.class_names)} classes, {names}{more}"
    return f"{rows} rows, {features} features; predicting {dataset.target_name}: {kind}"


def _train(settings: Settings, dataset: Dataset) -> Run:
    generator = np.random.default_rng(settings.seed)
    classes = len(dataset.class_names)
    loss: Loss = CrossEntropyLoss() if classes else MSELoss()
    usual = (*loss.usual_metrics, *(() if classes else ("root_mean_squared_error",)))
    metrics = list(metrics_of(settings.metrics or usual))
    x, x_held, y, y_held = train_test_split(
        dataset.x, dataset.y, test_size=settings.validation, stratify=bool(classes), rng=generator
    )
    hidden, width = hidden_layers(settings.layers, dataset.x.shape[1], generator)
    net = Net(
        Standardize.of(x),
        *hidden,
        Linear(width, max(classes, 1), rng=generator),
        *((Softmax(),) if classes else ()),
    )
    units = None if classes else Standardize.of(y[:, None])
    history = fit(
        net,
        (x, y if units is None else units.forward(y[:, None])),
        validation=(x_held, y_held if units is None else units.forward(y_held[:, None])),
        loss=loss,
        optimizer=SGD(settings.learning_rate),
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        metrics=[name for name in metrics if classes or name == "r2"],
        early_stopping=settings.patience,
        progress=True,
        rng=generator,
    )
    if units is not None:
        net.add(units.inverse())
    held = evaluate(net, (x_held, y_held), loss=loss, metrics=metrics)
    return Run(net, history, evaluate(net, (x, y), loss=loss, metrics=metrics), held)


def _result_table(dataset: Dataset, run: Run) -> Any:
    from rich.table import Table

    table = Table()
    table.add_column("")
    for name in ("training", "validation"):
        table.add_column(name, justify="right")
    rows = {"loss": (run.training.loss, run.validation.loss)}
    rows |= {
        name: (value, run.validation.metrics[name]) for name, value in run.training.metrics.items()
    }
    for name, values in rows.items():
        table.add_row(name.replace("_", " "), *(f"{value:.4g}" for value in values))
    return table


def _write(folder: Path, dataset: Dataset, run: Run, best: int) -> None:
    """All files of the run, or none: they are made beside the folder and moved in one go."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".run-") as name:
        made = Path(name) / "run"
        save_weights(run.net, made / "weights.safetensors")
        run.history.to_csv(made / "history.csv")
        run.history.to_json(made / "history.json")
        _picture(made / "training.png", dataset, run.history, best)
        if folder.exists():
            folder.rmdir()
        shutil.move(made, folder)


def _picture(path: Path, dataset: Dataset, history: History, best: int) -> None:
    from matplotlib.figure import Figure

    what = ["loss", *history[0].metrics]  # type: ignore[union-attr]
    figure = Figure(figsize=(5 * len(what), 4), layout="constrained", dpi=120)
    for axes, name in zip(figure.subplots(1, len(what), squeeze=False)[0], what, strict=True):
        plot_training_progress(history, name, axes, best=best)
    figure.suptitle(f"{dataset.name}: predicting {dataset.target_name}")
    figure.savefig(path)

"""The main job: from a table to a trained net, its report and its files."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.cli.settings import Settings, check_folder, hidden_layers, made, suggested_folder
from handgrad.data import BUNDLED, Dataset, load, train_test_split
from handgrad.data.files import listed, table_of
from handgrad.data.tables import dataset_of
from handgrad.errors import DataError, closest
from handgrad.files import kind_of, whole_folder
from handgrad.fitting import fit
from handgrad.layers import Linear, Softmax, Standardize
from handgrad.losses import CrossEntropyLoss, Loss, MSELoss
from handgrad.metrics.choice import metrics_of
from handgrad.net import Net
from handgrad.optimizers import SGD
from handgrad.plots import plot_training_progress
from handgrad.saving import save
from handgrad.training import Evaluation, History, evaluate

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Run:
    """A finished training: the net in the target's own units, and how it went."""

    net: Net
    history: History
    training: Evaluation
    validation: Evaluation


def run_training(settings: Settings, console: "Console") -> Run:
    """Read, train, show the result and write the run's folder."""
    from rich.text import Text

    settings.check()
    dataset = read(settings)
    folder = settings.folder or suggested_folder(Path("runs"), dataset.name)
    check_folder(folder)
    console.print(Text.assemble((dataset.name, "bold"), f": {_described(dataset)}"))
    run = train(settings, dataset)
    console.print(_result_table(dataset, run))
    best = run.history.best("validation_loss").epoch
    ended = run.history.stopped_because.replace("_", " ")
    n = f"{len(run.history)} epoch{'s' * (len(run.history) != 1)}"
    console.print(f"{n}: {ended}; the weights of epoch {best} are kept")
    names = _write(folder, dataset, run, best)
    console.print(Text.assemble("written to ", (str(folder), "bold"), f": {', '.join(names)}"))
    return run


def read(settings: Settings) -> Dataset:
    """The bundled set or the files that were named; the target has more than one value."""
    data, target = settings.data, settings.target or "target"
    if data in BUNDLED:
        if target != "target":
            raise DataError(
                f"{data}: no column named {target!r} to predict",
                "the bundled set's own target",
                f"handgrad train {data}, without --target",
            )
        return load(data)
    if not kind_of(data) and not {*".*?["} & {*Path(data).name}:
        raise DataError(
            f"{data!r} is neither a file nor a bundled data set",
            f"a CSV or Parquet file, or one of {', '.join(BUNDLED)}",
            f"handgrad train {closest(data, BUNDLED) or 'breast_cancer'}",
        )
    table = table_of(data)
    names = table.names
    if settings.target is None and "target" not in names and len(names) > 1:
        raise DataError(
            f"{data}: --target is missing",
            f"the column to predict, one of {listed(names)}",
            f"--target '{names[-1]}', if it is the last column",
        )
    dataset = dataset_of(table, target)
    if (dataset.y == dataset.y[0]).all():
        value = dataset.class_names[0] if dataset.class_names else dataset.y[0]
        raise DataError(
            f"{data}: the target {target!r} is {value} in every row",
            "a target with at least two values",
            "another --target, or a table with other rows too",
        )
    return dataset


def _described(dataset: Dataset) -> str:
    rows, features = dataset.x.shape
    if not dataset.class_names:
        kind = f"a number, {dataset.y.min():g} to {dataset.y.max():g}"
    else:
        names = ", ".join(dataset.class_names[:6])
        more = ", …" if len(dataset.class_names) > 6 else ""
        kind = f"{len(dataset.class_names)} classes, {names}{more}"
    columns = "1 feature" if features == 1 else f"{features} features"
    return f"{rows} rows, {columns}; predicting {dataset.target_name}: {kind}"


def train(settings: Settings, dataset: Dataset) -> Run:
    """Hold rows out, train on the others, and judge the net on both."""
    generator = np.random.default_rng(settings.seed)
    classes = len(dataset.class_names)
    loss: Loss = CrossEntropyLoss() if classes else MSELoss()
    usual = (*loss.usual_metrics, *(() if classes else ("root_mean_squared_error",)))
    metrics = metrics_of(settings.metrics or usual)
    x, x_held, y, y_held = train_test_split(
        dataset.x, dataset.y, test_size=settings.validation, stratify=bool(classes), rng=generator
    )
    hidden = made(hidden_layers(settings.layers), x.shape[1], generator)
    width = next((layer.n_out for layer in reversed(hidden) if layer.n_out), x.shape[1])
    net = Net(
        Standardize.of(x),
        *hidden,
        Linear(width, max(classes, 1), rng=generator),
        *((Softmax(),) if classes else ()),
    )
    units = None if classes else _units(y, metrics)
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
        engine=settings.engine,
    )
    if units is not None:
        net.add(units.inverse())
    scale = 1.0 if units is None else float(units.scale[0])
    training, held = (
        replace(found, loss=found.loss / scale**2)
        for found in (
            evaluate(net, rows, loss=loss, metrics=metrics.values())
            for rows in ((x, y), (x_held, y_held))
        )
    )
    return Run(net, history, training, held)


def _units(y: Any, metrics: dict[str, Any]) -> Standardize:
    """The scale on which numbers are learnt; refuses metrics that are for classes."""
    for metric in metrics.values():
        metric(y[:, None], y)
    return Standardize.of(y[:, None])


def _result_table(dataset: Dataset, run: Run) -> Any:
    from rich.table import Table

    table = Table()
    table.add_column("")
    for name in ("training", "validation"):
        table.add_column(name, justify="right")
    loss = "loss" if dataset.class_names else "loss, in squared standard deviations"
    rows = {loss: (run.training.loss, run.validation.loss)}
    rows |= {
        name: (value, run.validation.metrics[name]) for name, value in run.training.metrics.items()
    }
    for name, values in rows.items():
        table.add_row(name.replace("_", " "), *(f"{value:.4g}" for value in values))
    return table


def _write(folder: Path, dataset: Dataset, run: Run, best: int) -> list[str]:
    """All files of the run, or none."""
    with whole_folder(folder) as new:
        files = [
            save(run.net, new / "model.safetensors", about=_names(dataset)),
            run.history.to_csv(new / "history.csv"),
            run.history.to_json(new / "history.json"),
            _picture(new / "training.png", dataset, run.history, best),
        ]
    return [file.name for file in files]


def _names(dataset: Dataset) -> dict[str, Any]:
    """What the columns and classes are called; a number that is predicted has no classes."""
    return {
        "data": dataset.name,
        "features": dataset.feature_names,
        "target": dataset.target_name,
        "classes": dataset.class_names,
    }


def _picture(path: Path, dataset: Dataset, history: History, best: int) -> Path:
    from matplotlib.figure import Figure

    what = ["loss", *history[0].metrics]
    figure = Figure(figsize=(5 * len(what), 4), layout="constrained", dpi=120)
    for axes, name in zip(figure.subplots(1, len(what), squeeze=False)[0], what, strict=True):
        plot_training_progress(history, name, axes, best=best)
    figure.suptitle(f"{dataset.name}: predicting {dataset.target_name}", parse_math=False)
    figure.savefig(path)
    return path

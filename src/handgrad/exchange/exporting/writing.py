"""`export`: writes a model to a file that runs without handgrad, and checks it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from handgrad.engines.config import check_kinds
from handgrad.exchange.exporting.about import ModelFacts
from handgrad.exchange.exporting.calibration import Calibration
from handgrad.exchange.exporting.formats import (
    Ending,
    Exporter,
    ending_of,
    text_exporter_of,
)
from handgrad.exchange.exporting.model_spec import (
    ModelSpec,
    model_spec_of,
    own_method,
    refuse_unfitted,
)
from handgrad.exchange.exporting.proof import Check, Proof
from handgrad.exchange.exporting.train_spec import TrainSpec
from handgrad.files.paths import as_path, kind_of, reason, write_whole
from handgrad.textbook.errors import FileError, SettingError, positive
from handgrad.textbook.losses import Loss
from handgrad.textbook.optimizers import Optimizer
from handgrad.training.loop import check_batches
from handgrad.training.sample_weights import aims_at_padding
from handgrad.training.validate_data import checked_data


def export(
    model: object,
    path: str | Path,
    x: object = None,
    y: object = None,
    *,
    loss: Loss | None = None,
    optimizer: Optimizer | None = None,
    batch_size: int = 32,
    about: Mapping[str, object] | None = None,
    quantize: Literal["int8"] | None = None,
) -> Proof:
    """Export a model to a file that runs without handgrad.

    The file includes the preprocessing: it takes the columns of a table, or the pixels of a picture
    as numbers from 0 to 1, and returns a class and its probabilities. That of a language model
    generates text, for a seed the same as `model.write`. It is run on test rows with
    extreme, missing and unseen values, which are part of it, before it is moved into place. A file
    whose outputs differ from the model's is not written.

    Parameters
    ----------
    model : net, estimator or Pipeline
        A net, LanguageModel, MLPClassifier, MLPRegressor, PictureClassifier, TabularClassifier,
        TabularRegressor or TabularSurvival, or a Pipeline of StandardScaler or TableEncoder and an
        MLP.
    path : str or Path
        File to write; its extension selects the format.
    x : array, shape (n, n_in), optional
        A few input rows, for a net whose input shape does not follow from its layers; the examples
        of a page for pictures; the training rows of a file that trains; the rows that calibrate a
        quantized file.
    y : array, shape (n, …), optional
        Targets of a file that trains; labels or targets that score a quantized estimator.
    loss : Loss, optional
        Loss of a file that trains.
    optimizer : Optimizer, optional
        Optimizer of a file that trains.
    batch_size : int, default 32
        Rows per step of a file that trains.
    about : dict, optional
        Facts that a page tells: the names `target` and `data`; the `score` by `metric` on held-out
        `rows`, and `between`, the two ends of its confidence interval.
    quantize : {"int8"}, optional
        Full integer quantization of a `.c` file: int8 weights and activations, int32 sums. A check
        tells the deviation on x, and with y the accuracy or R².

    Returns
    -------
    Proof
        The file, and the checks it passed.

    Raises
    ------
    SettingError
        For a layer, step or column that the format does not support.

    Examples
    --------
    >>> import handgrad as hg, tempfile
    >>> net = hg.Net(hg.Linear(2, 3, rng=0), hg.Tanh())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     proof = hg.export(net, f"{folder}/net.py")
    >>> print(*proof.checks, sep="\\n")                            # doctest: +ELLIPSIS
    NumPy ...: 64 rows, same bits as the layers
    NumPy ...: 64 rows, ... predict...
    """
    path = as_path(path)
    kind = ending_of(path)
    if kind_of(path) == "folder":
        raise FileError(f"{path} is a folder", "the name of a file", f"{path / path.name}")
    facts = ModelFacts.of(about or {})
    if (make := own_method(model, "_exported_writer")) is not None:
        write_text = text_exporter_of(path)
        _refuse_rows(x=x, y=y, loss=loss, optimizer=optimizer, quantize=quantize)
        refuse_unfitted(model)
        return _proved(path, partial(write_text, make()))
    spec, exporter, train_spec = replace(model_spec_of(model, x), about=facts), kind.exporter, None
    if quantize is not None:
        trains = loss is not None or optimizer is not None
        spec, exporter = _quantized(spec, kind, path, x, y, quantize, trains=trains)
    else:
        train_spec = _train_spec(spec, kind, path, x, y, loss, optimizer, batch_size)
    return _proved(path, lambda there: exporter()(spec, there, train_spec))


def _refuse_rows(**given: object) -> None:
    """Refuse arguments of other models, for a language model."""
    for name, value in given.items():
        if value is not None:
            raise SettingError(
                f"{name} for a language model", "the model only", "hg.export(model, path)"
            )


def _proved(path: Path, write: Callable[[Path], Sequence[Check]]) -> Proof:
    """Write to a temporary folder, run the checks, and move the file into place."""
    try:
        with TemporaryDirectory() as folder:
            there = Path(folder) / path.name
            checks = tuple(write(there))
            content = there.read_bytes()
    except OSError as error:
        raise FileError(
            f"{path.name} could not be checked in a temporary folder: {reason(error)}",
            "a temporary folder that is writable and can run programs",
            "set TMPDIR to another folder; or use a shorter name",
        ) from error
    for check in checks:
        if not check.holds:
            raise FileError(
                f"the outputs of the file differ from the model's: {check}",
                "the same bits"
                if check.most == 0
                else f"at most {check.most:.2g} of the largest value",
                "report it, with this model",
                path.name,
            )
    write_whole(path, lambda file: file.write(content), "wb")
    return Proof(path, len(content), checks)


def _quantized(
    spec: ModelSpec, kind: Ending, path: Path, x: object, y: object, quantize: str, *, trains: bool
) -> tuple[ModelSpec, Callable[[], Exporter]]:
    """Specification and exporter of a quantized file, with validated calibration rows."""
    if quantize != "int8" or kind.quantized is None or trains or spec.features is not None:
        came = f"quantize={quantize!r} for {path.name!r}"
        raise SettingError(
            (came if spec.features is None else f"{came}, of {spec.title}")
            + " with a loss or an optimizer" * trains,
            "'int8' for a .c file that predicts, of a net or an estimator of arrays of numbers",
            "hg.export(net, 'net.c', x_train, quantize='int8')",
        )
    n_targets = {"net": 0, "classifier": 1, "regressor": spec.answers[0].size}[spec.kind]
    calibration = Calibration.of(spec.title, spec.example.shape[1:], n_targets, x, y)
    rows = calibration.x.astype(spec.net.dtype)
    spec = replace(spec, calibration=replace(calibration, x=rows))
    return spec, kind.quantized


def _train_spec(
    spec: ModelSpec,
    kind: Ending,
    path: Path,
    x: object,
    y: object,
    loss: Loss | None,
    optimizer: Optimizer | None,
    batch_size: int,
) -> TrainSpec | None:
    """Validated training specification; None for a file that only predicts."""
    if y is None and loss is None and optimizer is None:
        return None
    if x is None or y is None or loss is None or optimizer is None:
        came = {"x": x, "y": y, "loss": loss, "optimizer": optimizer}
        missing = ", ".join(name for name, value in came.items() if value is None)
        raise SettingError(
            f"no {missing}, for a file that trains",
            "rows, targets, a loss and an optimizer",
            "hg.export(net, path, x, y, loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1))",
        )
    if not kind.learns:
        raise SettingError(
            f"a loss for {path.name!r}, {kind.words}",
            "a format that can train: .html, .wasm, .js or .c",
            "leave loss, optimizer and y out",
        )
    if spec.kind != "net":
        raise SettingError(
            f"a loss for {spec.title}", "a net, for a file that trains", "model.net_"
        )
    positive("batch_size", batch_size, whole=True)
    check_kinds(loss=(loss, Loss), optimizer=(optimizer, Optimizer))
    rows, targets = checked_data(spec.net, loss, (x, y), "x and y", learn=True)
    check_batches(spec.net, len(rows), batch_size)
    if optimizer.predicts_with is not None:
        raise SettingError(
            f"{optimizer!r}, whose averaged weights predict",
            "an optimizer whose weights predict: exported files train with those alone",
            "the optimizer without EMA or SWA",
        )
    if aims_at_padding(spec.net, loss, rows, targets):
        raise SettingError(
            "an Embedding with padding, and a target for each position",
            "a loss over all positions: exported files have no weights that mask padding",
            "leave loss, optimizer and y out, or padding= of the Embedding; hg.train has weights",
        )
    return TrainSpec(loss, optimizer, rows, targets, min(batch_size, len(rows)))  # as hg.fit

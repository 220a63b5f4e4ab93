"""Writes a model to a file that runs without handgrad, and proves it."""

from pathlib import Path
from tempfile import TemporaryDirectory

from handgrad.engines.config import check_kinds
from handgrad.exchange.exporting.formats import Ending, ending_of
from handgrad.exchange.exporting.proof import Proof
from handgrad.exchange.exporting.subject import Subject, subject_of
from handgrad.exchange.exporting.train_spec import Learning
from handgrad.files.paths import as_path, kind_of, reason, write_whole
from handgrad.textbook.errors import FileError, SettingError, positive
from handgrad.textbook.losses import Loss
from handgrad.textbook.optimizers import Optimizer
from handgrad.training.loop import check_batches
from handgrad.training.sample_weights import aims_at_padding
from handgrad.training.validate_data import checked_rows


def export(
    model: object,
    path: str | Path,
    x: object = None,
    y: object = None,
    *,
    loss: Loss | None = None,
    optimizer: Optimizer | None = None,
    batch_size: int = 32,
) -> Proof:
    """Write a model to a file that runs without handgrad, of the kind that its ending says.

    `model` is a net, an MLPClassifier or MLPRegressor, a PictureClassifier, a TabularClassifier or
    TabularRegressor, or a Pipeline of StandardScaler or TableEncoder and an MLP. The file has
    everything it does: the columns of a table, or the pixels of a picture as a row of numbers from
    0 to 1, go in, a class and its probabilities come out.

    `x` (n, n_in) are a few rows for a net that does not say what it takes. With rows `x`, targets
    `y`, a `loss` and an `optimizer`, a file that can trains the net, too, so many rows a step.

    What comes back is the proof: what was run here on the rows that travel with the file, edges,
    gaps and unseen values among them, and how close it came. A file that says something else than
    the model is not written, nor one for a model that has what such files cannot hold: that is
    refused by its layer, step or column.

    >>> import handgrad as hg, tempfile
    >>> net = hg.Net(hg.Linear(2, 3, rng=0), hg.Tanh())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     proof = hg.export(net, f"{folder}/net.py")
    >>> print(*proof.checks, sep="\\n")                            # doctest: +ELLIPSIS
    NumPy ...: 64 rows, same bits as the pages
    NumPy ...: 64 rows, ... predict...
    """
    path = as_path(path)
    kind = ending_of(path)
    if kind_of(path) == "folder":
        raise FileError(f"{path} is a folder", "the name of a file", f"{path / path.name}")
    subject = subject_of(model, x)
    learning = _learning(subject, kind, path, x, y, loss, optimizer, batch_size)
    return _proved(subject, path, kind, learning)


def _proved(subject: Subject, path: Path, kind: Ending, learning: Learning | None) -> Proof:
    """Write it elsewhere, run it there, and put it in its place if it says what it should."""
    try:
        with TemporaryDirectory() as folder:
            there = Path(folder) / path.name
            checks = tuple(kind.exporter()(subject, there, learning))
            content = there.read_bytes()
    except OSError as error:
        raise FileError(
            f"{path.name} could not be tried out before it is put in its place: {reason(error)}",
            "a folder for temporary files, to write to and to run programs from",
            "another one, named by TMPDIR in the environment; or a shorter name",
        ) from error
    for check in checks:
        if not check.holds:
            raise FileError(
                f"the file would say something else than the model: {check}",
                "the same bits"
                if check.most == 0
                else f"{check.most:.2g} of the largest value at most",
                "report it, with this model",
                path.name,
            )
    write_whole(path, lambda file: file.write(content), "wb")
    return Proof(path, len(content), checks)


def _learning(
    subject: Subject,
    kind: Ending,
    path: Path,
    x: object,
    y: object,
    loss: Loss | None,
    optimizer: Optimizer | None,
    batch_size: int,
) -> Learning | None:
    """What the file is to train with, checked as for a training here; None if it is not to."""
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
            "a kind of file that trains",
            "leave loss, optimizer and y out",
        )
    if subject.kind != "net":
        raise SettingError(
            f"a loss beside {subject.title}", "a net, to be trained in the file", "model.net_"
        )
    positive("batch_size", batch_size, whole=True)
    check_kinds(loss=(loss, Loss), optimizer=(optimizer, Optimizer))
    rows, targets = checked_rows(subject.net, loss, (x, y), "x and y", learn=True)
    check_batches(subject.net, len(rows), batch_size)
    if aims_at_padding(subject.net, loss, rows, targets):
        raise SettingError(
            "an Embedding with padding, and a target for each place",
            "a loss of all places: one in a file has no weights, to leave padding out",
            "leave loss, optimizer and y out, or padding= of the Embedding; hg.train has weights",
        )
    return Learning(loss, optimizer, rows, targets, min(batch_size, len(rows)))  # as hg.fit

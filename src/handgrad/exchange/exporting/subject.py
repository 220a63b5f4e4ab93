"""What is exported: a model as one net whose recorded prediction is the whole answer, and data."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from handgrad.exchange.exporting.estimators import parts_of
from handgrad.exchange.exporting.examples import example_matrix, example_table, records
from handgrad.exchange.exporting.parts import Kind, Output, Parts
from handgrad.files.features import Columns, Feature, Features, Nothing
from handgrad.graph import Graph, trace
from handgrad.graph.nodes import Node
from handgrad.graph.operations import Op
from handgrad.textbook.errors import RecordingError, SettingError
from handgrad.textbook.layers import Array
from handgrad.textbook.layers.layer import predicting_twin
from handgrad.textbook.net import Net


@dataclass(frozen=True)
class Piece:
    """A column of a table, what is made of it, and where that stands in a row of the net's.

    Its numbers begin at `place`; a code counts from `first_code` on, which is added to it.
    """

    column: str
    feature: Feature
    place: int
    first_code: int

    @property
    def size(self) -> int:
        """How many numbers are made of it."""
        return len(self.feature.names(""))


@dataclass(frozen=True, eq=False)
class Subject:
    """A model as exporters take it: everything it knows, as data.

    `net`: from rows x (n, n_in), of `net.dtype`, it gives all of the answer, which is called
    `output`: of a classifier (n, n_classes), the `probabilities` or `scores` of its `classes`, of
    which the largest is the label; of a regressor the `values` (n, n_values); of a net the `output`
    of its last layer. `graph` is that prediction recorded. Its weights have the names of
    `net.state()`.

    `features`: how a table becomes these rows, None where they come as they are. What is made of a
    column says `pieces`, in float64; a row of all is rounded to float32, then taken by the net in
    its own type. A number comes as a float, NaN where it is missing; text as text, None where
    it is missing; a date as days since 1970, NaN where it is missing.

    `names` are the columns of x, `example` rows to prove a file by, with edges, gaps and unseen
    values, as x (n, n_in) and, for tables, as `table`; `answers` (n, n_out) is what the model
    itself predicts for them.
    """

    title: str
    kind: Kind
    output: Output
    net: Net
    graph: Graph
    names: tuple[str, ...]
    example: Array
    answers: Array
    classes: Array | None = None
    features: Features | None = None
    table: Columns | None = None

    @property
    def columns(self) -> Mapping[str, Feature] | None:
        """What each column of a table is read as, in its order; None where there is no table."""
        return None if self.features is None else self.features.features

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The columns that something is made of, in the order of their numbers in a row."""
        found, place, first_code = list[Piece](), 0, 0
        for column, feature in self.features.in_turn() if self.features else ():
            if not isinstance(feature, Nothing):
                found.append(Piece(column, feature, place, first_code))
                place, first_code = place + found[-1].size, first_code + feature.n_codes
        return tuple(found)

    def by_pages(self, x: Array) -> Array:
        """The answer for rows x (n, n_in), by the pages as they stand, in NumPy."""
        with np.errstate(all="ignore"):
            return np.asarray(predicting_twin(self.net).forward(x))


def plain_classes(classes: Array) -> list[bool | int | float | str]:
    """Classes as Python's own values; a SettingError for those that no file can name."""
    values = classes.tolist()
    if classes.dtype.kind not in "biufUO" or any(
        not isinstance(value, bool | int | float | str) for value in values
    ):
        raise SettingError(
            f"classes of type {classes.dtype}, such as {classes[0]!r}",
            "numbers, text or truth values",
            "y.astype(str), and fit again",
        )
    return values


def subject_of(model: object, x: object = None) -> Subject:
    """What is exported of a net, an estimator, or a Pipeline of them.

    `x` are a few rows that the model takes, of use where a net does not say that by its layers.
    What cannot be exported is refused, by its layer, step or column.
    """
    if isinstance(model, Net):
        parts = Parts("net", "output", model, model.predict)
    else:
        parts = parts_of(model)
    table = None
    if parts.features is None:
        rows = example_matrix(parts.net, x, parts.center, parts.scale)
        answers = _predicted(parts, rows)
    elif x is not None:
        raise SettingError(
            "rows x beside a model of tables",
            "the model alone, whose columns say what rows it takes",
            "hg.export(model, path)",
        )
    else:
        table = example_table(parts.features.features)
        rows = parts.features.encoded(table).astype(parts.net.dtype)
        answers = _predicted(parts, records(table))
    return Subject(
        title=repr(model),
        kind=parts.kind,
        output=parts.output,
        net=parts.net,
        graph=_recorded(parts.net, rows),
        names=parts.names
        or tuple(f"x{i}" for i in range(rows[0].shape[-1] if rows.ndim > 1 else 1)),
        example=rows,
        answers=answers[:, None] if answers.ndim == 1 else answers,
        classes=parts.classes,
        features=parts.features,
        table=table,
    )


def _predicted(parts: Parts, rows: object) -> Array:
    """What the model says of rows, among which are some that lie far off."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        # of rows without the names of the columns, which are in their order
        warnings.filterwarnings("ignore", "X does not have valid feature names")
        return np.asarray(parts.predict(rows))


def _recorded(net: Net, x: Array) -> Graph:
    """The prediction of a net as a graph; what does not record is refused by its layer."""
    try:
        graph = trace(net, x=x, training=False)
    except RecordingError as error:
        if not error.where:
            error.put_within(_layer_that_fails(net, x))
        raise
    for node in graph.nodes:
        if node.operation is Op.RANDOM:
            raise SettingError(
                "random numbers are drawn for a prediction",
                "layers that draw only while `self.training` is true, as Dropout",
                "if not self.training: return x",
                place_of(node, net),
            )
    return graph


def place_of(node: Node, net: Net) -> str:
    """Which layer of a net a node of its graph is of: `layer 2 of 4, Linear(8, 3)`."""
    first = node.origin.layer.split(".")[0] if node.origin else ""
    return net.position(int(first)) if first.isdigit() else repr(net)


def _layer_that_fails(net: Net, x: Array) -> str:
    for i in range(1, len(net.layers)):
        try:
            trace(net[:i], x=x, training=False)
        except RecordingError:
            return net.position(i - 1)
    return net.position(len(net.layers) - 1)

"""Exported models: one net whose traced prediction is the complete output, and data."""

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
    """A column of a table, its encoding, and its position in the input of the net.

    Its numbers start at `place`; `first_code` is the offset of its codes.
    """

    column: str
    feature: Feature
    place: int
    first_code: int

    @property
    def size(self) -> int:
        """Number of input features of the column."""
        return len(self.feature.names(""))


@dataclass(frozen=True, eq=False)
class Subject:
    """A model as data, the input of exporters.

    `net` computes the complete output from rows x (n, n_in) of `net.dtype`. `output` names it: for
    a classifier the `probabilities` or `scores` (n, n_classes) of its `classes`, of which the
    largest is the label; for a regressor the `values` (n, n_values); for a net the `output` of its
    last layer. `graph` is the traced prediction, with weights named as in `net.state()`.

    `features` encode a table as rows x, None for models of arrays. `pieces` are the encoded
    columns, in float64; a row of them is rounded to float32, then cast to the dtype of the net.
    Numbers are floats and dates days since 1970, NaN if missing; text is None if missing.

    `names` are the columns of x. `example` are test rows (n, n_in) with extreme, missing and unseen
    values, for tables also as `table`; `answers` (n, n_out) are the model's own predictions.
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
        """Encoding of each column of a table, in order; None without a table."""
        return None if self.features is None else self.features.features

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """Encoded columns, in the order of the input features."""
        pieces, place, first_code = list[Piece](), 0, 0
        for column, feature in self.features.in_turn() if self.features else ():
            if not isinstance(feature, Nothing):
                pieces.append(Piece(column, feature, place, first_code))
                place, first_code = place + pieces[-1].size, first_code + feature.n_codes
        return tuple(pieces)

    def by_pages(self, x: Array) -> Array:
        """Output for rows x (n, n_in), computed by the layers' own code in NumPy."""
        with np.errstate(all="ignore"):
            return np.asarray(predicting_twin(self.net).forward(x))


def plain_classes(classes: Array) -> list[bool | int | float | str]:
    """Classes as Python values; a SettingError for types that no file can hold."""
    values = classes.tolist()
    if classes.dtype.kind not in "biufUO" or any(
        not isinstance(value, bool | int | float | str) for value in values
    ):
        raise SettingError(
            f"classes of type {classes.dtype}, such as {classes[0]!r}",
            "numbers, text or booleans",
            "y.astype(str), and fit again",
        )
    return values


def subject_of(model: object, x: object = None) -> Subject:
    """Build the subject of a net, an estimator or a Pipeline.

    `x` are a few input rows, for a net whose input shape does not follow from its layers. Errors
    name the layer, step or column that cannot be exported.
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
            "rows x for a model of tables",
            "the model only: its columns define its rows",
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
    """Predictions of the model for the test rows, some of them extreme."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        # about missing column names: the rows have their order
        warnings.filterwarnings("ignore", "X does not have valid feature names")
        return np.asarray(parts.predict(rows))


def _recorded(net: Net, x: Array) -> Graph:
    """Traced prediction of a net; errors name the layer that cannot be traced."""
    try:
        graph = trace(net, x=x, training=False)
    except RecordingError as error:
        if not error.where:
            error.put_within(_layer_that_fails(net, x))
        raise
    for node in graph.nodes:
        if node.operation is Op.RANDOM:
            raise SettingError(
                "a prediction that draws random numbers",
                "layers that draw only while `self.training` is true, such as Dropout",
                "if not self.training: return x",
                place_of(node, net),
            )
    return graph


def place_of(node: Node, net: Net) -> str:
    """Layer of a graph node: `layer 2 of 4, Linear(8, 3)`."""
    first = node.origin.layer.split(".")[0] if node.origin else ""
    return net.position(int(first)) if first.isdigit() else repr(net)


def _layer_that_fails(net: Net, x: Array) -> str:
    for i in range(1, len(net.layers)):
        try:
            trace(net[:i], x=x, training=False)
        except RecordingError:
            return net.position(i - 1)
    return net.position(len(net.layers) - 1)

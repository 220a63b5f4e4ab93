"""Specification of exported models: one net whose traced prediction is the complete output.

Estimators and Pipelines become nets: their preprocessing and their outputs are layers.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from handgrad.exchange.exporting.about import ModelFacts
from handgrad.exchange.exporting.calibration import Calibration
from handgrad.exchange.exporting.drawing import Drawing
from handgrad.exchange.exporting.examples import example_matrix, example_table, records
from handgrad.exchange.exporting.wrapper_layers import InverseLink
from handgrad.files.estimators import Pipeline, is_pipeline
from handgrad.files.features import Columns, Feature, Features
from handgrad.files.text_scores import TextScores
from handgrad.graph import Graph, trace
from handgrad.graph.nodes import Node
from handgrad.graph.operations import Op
from handgrad.textbook.errors import RecordingError, SettingError, described
from handgrad.textbook.kinds import PredictionKind
from handgrad.textbook.layers import Array, Layer, Standardize
from handgrad.textbook.layers.layer import predicting_twin
from handgrad.textbook.net import Net

if TYPE_CHECKING:
    from sklearn.preprocessing import StandardScaler

Kind = Literal["net", "classifier", "regressor"]
Output = Literal["output", "probabilities", "scores", "values"]

MODELS = (
    "a net, LanguageModel, MLPClassifier, MLPRegressor, PictureClassifier, TabularClassifier, "
    "TabularRegressor, TabularSurvival, or a Pipeline"
)
STEPS = "StandardScaler and TableEncoder before MLPClassifier or MLPRegressor"


@dataclass(frozen=True)
class ModelParts:
    """Parts of a `ModelSpec`, from an estimator; `predict` is the prediction of the model itself.

    `center` and `scale` (n_in,) are location and spread of the columns, if known. `thresholds` are
    those of two classes, if they are not both ½; `quantiles` the level of each value, if they are
    quantiles. `picture` is the shape (channels, height, width) of a picture in a row, its values
    from 0 to 1; `drawing` is that of the training pictures.
    """

    kind: Kind
    output: Output
    net: Net
    predict: Callable[[Any], Array]
    names: tuple[str, ...] = ()
    classes: Array | None = None
    features: Features | None = None
    center: Array | None = None
    scale: Array | None = None
    thresholds: Array | None = None
    quantiles: tuple[float, ...] | None = None
    picture: tuple[int, int, int] | None = None
    drawing: Drawing | None = None


@dataclass(frozen=True, eq=False)
class ModelSpec:
    """Specification of a model, the input of exporters.

    `net` computes the complete output from rows x (n, n_in) of `net.dtype`. `output` names it: for
    a classifier the `probabilities` or `scores` (n, n_classes) of its `classes`, of which the
    largest is the label, after a division by the `thresholds` (n_classes,), if there are any; for
    a regressor the `values` (n, n_values), which may be quantiles of the levels `quantiles`; for a
    net the `output` of its last layer. `graph` is the traced prediction, with weights named as in
    `net.state()`.

    `features` encode a table as rows x, None for models of arrays. Their `encoder` is a net too:
    from the numbers of parsed columns, `parsed` (n, n_used), to x, in float64. `encoder_graph` is
    its traced prediction. An encoded row is rounded to float32, then cast to the dtype of the net.

    `names` are the columns of x. `example` are test rows (n, n_in) with extreme, missing and unseen
    values, for tables also as `table`, or those that are `given`; `answers` (n, n_out) are the
    model's own predictions. `picture` is the shape of a picture in a row, if it is one, and
    `drawing` that of the training pictures, if it is known. `about` is what a page tells of the
    training, `calibration` what a quantized file needs.
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
    thresholds: Array | None = None
    quantiles: tuple[float, ...] | None = None
    picture: tuple[int, int, int] | None = None
    drawing: Drawing | None = None
    given: bool = False
    about: ModelFacts = field(default_factory=ModelFacts)
    calibration: Calibration | None = None

    @property
    def columns(self) -> Mapping[str, Feature]:
        """Encoded columns of a table, in its order; none without a table."""
        return {} if self.features is None else self.features.used

    @cached_property
    def parsed(self) -> Array:
        """Test rows as numbers of parsed columns, (n, n_used); only with a table."""
        features, table = self.of_table
        return features.parsed(table)

    @cached_property
    def encoder_graph(self) -> Graph:
        """Traced encoder of a table."""
        return recorded(self.of_table[0].encoder, self.parsed)

    @property
    def of_table(self) -> tuple[Features, Columns]:
        """Encoders and test rows of a table."""
        if self.features is None or self.table is None:
            raise TypeError("a model of arrays has no table")
        return self.features, self.table

    def labels(self, outputs: Array) -> Array:
        """Class of each row of outputs, (n, n_classes); only for a classifier."""
        if self.classes is None:
            raise TypeError("a model of numbers has no classes")
        return np.asarray(self.classes[self.decided(outputs).argmax(axis=1)])

    def decided(self, outputs: Array) -> Array:
        """Outputs, (n, n_classes), of which the largest is the label."""
        return outputs if self.thresholds is None else outputs / self.thresholds

    def by_layers(self, x: Array) -> Array:
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


def model_spec_of(model: object, x: object = None) -> ModelSpec:
    """Build the specification of a net, an estimator or a Pipeline.

    `x` are a few input rows, for a net whose input shape does not follow from its layers. Errors
    name the layer, step or column that cannot be exported.
    """
    if isinstance(model, Net):
        parts = ModelParts("net", "output", model, model.predict)
    else:
        parts = _parts_of(model)
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
        refuse_texts(parts.features)
        table = example_table(parts.features.features)
        rows = parts.features.encoded(table).astype(parts.net.dtype)
        answers = _predicted(parts, records(table))
    return ModelSpec(
        title=repr(model),
        kind=parts.kind,
        output=parts.output,
        net=parts.net,
        graph=recorded(parts.net, rows),
        names=parts.names
        or tuple(f"x{i}" for i in range(rows[0].shape[-1] if rows.ndim > 1 else 1)),
        example=rows,
        answers=answers[:, None] if answers.ndim == 1 else answers,
        classes=parts.classes,
        features=parts.features,
        table=table,
        thresholds=parts.thresholds,
        quantiles=parts.quantiles,
        picture=parts.picture,
        drawing=parts.drawing,
        given=x is not None,
    )


def refuse_texts(features: Features) -> None:
    """Refuse columns of free text, whose words only Python counts."""
    for name, feature in features.features.items():
        if isinstance(feature, TextScores):
            raise SettingError(
                f"column {name!r}, free text",
                "columns of numbers, categories and dates",
                f"predictions by handgrad itself; or a model without {name!r}",
            )


def _predicted(parts: ModelParts, rows: object) -> Array:
    """Predictions of the model for the test rows, some of them extreme."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        # about missing column names: the rows have their order
        warnings.filterwarnings("ignore", "X does not have valid feature names")
        return np.asarray(parts.predict(rows))


def recorded(net: Net, x: Array) -> Graph:
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


def _parts_of(model: object) -> ModelParts:
    """Parts of a fitted estimator or Pipeline.

    Estimators provide them by a method `_exported_parts`; a step that encodes tables adds to the
    parts of the following steps by `_exported_before`.
    """
    make = (
        partial(_of_pipeline, model) if is_pipeline(model) else own_method(model, "_exported_parts")
    )
    if make is None:
        hint = "hg.export(net, path)"
        if isinstance(model, Layer):
            hint = "hg.export(hg.Net(layer), path)"
        elif hasattr(model, "net_"):
            hint = "hg.export(model.net_, path), for its net only"
        raise SettingError(described(model), MODELS, hint)
    refuse_unfitted(model)
    return make()


def refuse_unfitted(model: object) -> None:
    """Refuse an estimator that is not fitted."""
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(model)
    except NotFittedError as error:
        raise SettingError(
            f"{type(model).__name__}, which is not fitted", "a fitted model", "model.fit(X, y)"
        ) from error


def own_method(model: object, name: str) -> Callable[..., Any] | None:
    """Method defined by the class itself: a subclass may predict differently."""
    return getattr(model, name) if name in vars(type(model)) else None


def _of_pipeline(model: Pipeline) -> ModelParts:
    from sklearn.preprocessing import StandardScaler

    *before, (last_name, last) = model.steps
    parts = _parts_of(last) if own_method(last, "_exported_parts") else None
    if parts is None or (before and (parts.features is not None or parts.center is not None)):
        raise SettingError(
            f"the last step {last_name!r} of the Pipeline, {described(last)}",
            "MLPClassifier or MLPRegressor, after StandardScaler or TableEncoder",
            "make_pipeline(hg.tables.TableEncoder(), hg.MLPClassifier()), or no Pipeline",
        )
    methods = {"scores": "decision_function", "probabilities": "predict_proba"}
    predict = getattr(model, methods.get(parts.output, "predict"))
    parts = replace(parts, predict=of_both(predict) if parts.output == "scores" else predict)
    for i, (name, step) in reversed([*enumerate(before)]):
        before_it = own_method(step, "_exported_before")
        if type(step) is StandardScaler:
            parts = _scaled(parts, step)
        elif before_it is not None and i == 0:
            parts = before_it(parts)
        elif step != "passthrough":
            raise SettingError(
                f"the step {name!r} of the Pipeline, {described(step)}",
                STEPS,
                "hg.tables.TableEncoder(), which encodes numbers, text, dates and missing values",
            )
    return parts


def _scaled(parts: ModelParts, step: StandardScaler) -> ModelParts:
    """Parts with a StandardScaler as the first layer."""
    n = step.n_features_in_
    center = np.zeros(n) if step.mean_ is None or not step.with_mean else step.mean_
    scale = np.ones(n) if step.scale_ is None else step.scale_
    layers = map(copy.deepcopy, parts.net.layers)
    net = Net(Standardize(center, scale), *layers, dtype=parts.net.dtype)
    return replace(parts, net=net, names=column_names(step), center=center, scale=scale)


def followed(net: Net, *layers: Layer) -> Net:
    """Append layers to a net."""
    return Net(*map(copy.deepcopy, net.layers), *layers, dtype=net.dtype) if layers else net


def link_of(kind: PredictionKind) -> list[Layer]:
    """Layer of the inverse link function, if there is one."""
    return [InverseLink(kind)] if type(kind).inverse_link is not PredictionKind.inverse_link else []


def column_names(model: object) -> tuple[str, ...]:
    """Names of the columns that the model was fitted to, if any."""
    return tuple(map(str, getattr(model, "feature_names_in_", ())))


def of_both(scores: Callable[[object], Array]) -> Callable[[object], Array]:
    """Scores of both classes, for a binary classifier with one score."""

    def of_both(x: object) -> Array:
        s = scores(x)
        return np.stack([-s, s], axis=1) if s.ndim == 1 else s

    return of_both

"""Portable programs of a spec, shared by exporters, and a reference epoch of training."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from handgrad.engines.portable.engine import PortableRunner
from handgrad.engines.portable.model import PortableModel, portable_model
from handgrad.engines.portable.printing.javascript_module import javascript_module
from handgrad.engines.portable.printing.specialize import without_early_returns
from handgrad.exchange.exporting.model_spec import ModelSpec
from handgrad.exchange.exporting.proof import Check, compared
from handgrad.exchange.exporting.train_spec import TrainSpec
from handgrad.textbook.layers import Array
from handgrad.training import train

PORTABLE: Literal["portable"] = "portable"
AGAINST = f"the engine {PORTABLE}"
# Training rows of the reference epoch.
ROWS = 64


def portable_of(
    spec: ModelSpec,
    train_spec: TrainSpec | None,
    *,
    predicted_at_once: int = 32,
    copies: bool = True,
) -> PortableModel:
    """Programs of prediction and training."""
    if train_spec is None:
        x = spec.example
        return portable_model(spec.net, x=x, predicted_at_once=predicted_at_once, copies=copies)
    return portable_model(
        spec.net,
        loss=train_spec.loss,
        optimizer=train_spec.optimizer,
        x=train_spec.x,
        y=train_spec.y,
        batch_size=train_spec.batch_size,
        predicted_at_once=predicted_at_once,
        copies=copies,
    )


def encoder_of(spec: ModelSpec) -> PortableModel | None:
    """Program of the encoder of a table; None without a table."""
    if spec.features is None:
        return None
    encoder = spec.features.encoder
    return portable_model(encoder, x=spec.parsed, predicted_at_once=1, copies=False)


def encoding_module(encoder: PortableModel | None) -> str:
    """JavaScript module of the encoder of a table; without one, rows are as they come."""
    if encoder is None:
        return "export const encoded = (rows) => rows;\n"
    rounded = "export const encoded = (rows) => predict(rows).map((row) => row.map(Math.fround));\n"
    return javascript_module(encoder, packed=True) + rounded


def portable_rows(spec: ModelSpec) -> Array:
    """Test rows, those of a table as the portable encoder makes them."""
    model = encoder_of(spec)
    if model is None:
        return spec.example
    body = without_early_returns(model.prediction.body)  # which NaN would cause
    x = np.empty((len(spec.parsed), *model.output_shape))
    PortableRunner(replace(model.prediction, body=body))(
        n_rows=len(x), x=spec.parsed, parameters=model.parameters, state=model.state, predictions=x
    )
    return x.astype(np.float32).astype(spec.net.dtype)


@dataclass(frozen=True, eq=False)
class ProvedEpoch:
    """Reference epoch: its rows, and the final parameters (1, n) of the portable engine."""

    x: Array
    y: Array
    parameters: Array

    def check(self, ran: str, parameters: Array) -> Check:
        """Check of the final parameters (1, n) of a file."""
        against = f"the weights of {AGAINST}"
        comparison = compared(f"{ran}, an epoch", parameters, self.parameters, against)
        return replace(comparison, rows=len(self.x))


def proved_epoch(spec: ModelSpec, train_spec: TrainSpec) -> ProvedEpoch:
    """Train the reference epoch with the portable engine, on rows from all of the data."""
    net, loss, optimizer = copy.deepcopy((spec.net, train_spec.loss, train_spec.optimizer))
    x, y = train_spec.x, train_spec.y
    some = np.unique(np.linspace(0, len(x) - 1, ROWS).astype(int))
    if loss.target_kind.indices and len(np.unique(y[some])) < len(np.unique(y)):
        some = np.arange(len(x))  # a training needs all classes
    x, y = x[some], y[some]
    size = min(train_spec.batch_size, len(x))
    settings = {"loss": loss, "optimizer": optimizer, "epochs": 1, "batch_size": size, "rng": 0}
    next(train(net, (x, y), **settings, engine=PORTABLE))  # type: ignore[arg-type]
    return ProvedEpoch(x, y, net.parameters[None].copy())

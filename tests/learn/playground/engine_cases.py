"""Trainings for the playground's engine: what it is told, and what `engine="portable"` makes."""

import base64
import copy
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

import handgrad as hg
from handgrad.engines.portable.model import portable_model
from handgrad.exchange.exporting.portable.node import run_in_node
from handgrad.files.architecture import LayerWriter
from handgrad.files.scripts import inlined
from handgrad.learn.playground.pages import traced_modules
from handgrad.textbook.layers import Array

EPOCHS = 3
MODEL = "playground/engine/model.js"
FUNCTIONS = "playground/engine/functions.js"
DRIVER = """
const bytes = (text) => Uint8Array.from(Buffer.from(text, "base64")).buffer;
const text = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength)
  .toString("base64");
function modelOf(pages, given) {
  const model = new Model(pages, given.architecture);
  model.parameters.set(new Float32Array(bytes(given.parameters)));
  model.state.set(new Float32Array(bytes(given.state)));
  model.streams.set(new BigUint64Array(bytes(given.streams)));
  return model;
}
const rowsOf = (given) => [
  new Float32Array(bytes(given.x)),
  Float32Array.from(new Float64Array(bytes(given.y))),
  Int32Array.from({ length: given.rows }, (_, i) => i),
  new BigUint64Array(bytes(given.shuffling)),
];
const result = (model, x, given, losses) => ({
  losses: text(Float64Array.from(losses)),
  parameters: text(model.parameters),
  state: text(model.state),
  predictions: text(model.predict(x, given.rows)),
  streams: text(model.streams),
});
function trained(pages, given) {
  const model = modelOf(pages, given);
  const [x, y, order, shuffling] = rowsOf(given);
  const losses = [];
  for (let epoch = 0; epoch < given.epochs; epoch++) {
    shuffle(order, shuffling);
    losses.push(model.epoch(x, y, order, given.batch_size, given.rate));
  }
  return result(model, x, given, losses);
}
"""
MAIN = DRIVER + "const main = ({ pages, cases }) => cases.map((given) => trained(pages, given));"


@dataclass
class Case:
    """A training: the net, and loss, optimizer and penalty by name and settings."""

    net: hg.Net
    loss: str
    optimizer: str = "SGD"
    settings: dict[str, Any] = field(default_factory=dict)
    loss_settings: dict[str, Any] = field(default_factory=dict)
    penalty: tuple[str, dict[str, Any]] | None = None
    rows: int = 23
    batch_size: int = 10
    rate: float = 0.1
    epochs: int = EPOCHS

    def __post_init__(self) -> None:
        rng = np.random.default_rng(7)
        n_in = self.net.n_in or 2
        self.x = rng.standard_normal((self.rows, n_in)).astype(np.float32)
        self.made_loss = getattr(hg.losses, self.loss)(**self.loss_settings)
        p = copy.deepcopy(self.net).predict(self.x)
        self.y = self.made_loss.target_kind.examples(p, rng)
        self.made = getattr(hg.optimizers, self.optimizer)(self.rate, **self.settings)
        name, settings = self.penalty or ("", {})
        self.made_penalty = getattr(hg.penalties, name)(**settings) if name else None

    def told(self) -> dict[str, Any]:
        """What the engine is given."""
        model = portable_model(
            self.net,
            loss=self.made_loss,
            optimizer=self.made,
            penalty=self.made_penalty,
            x=self.x,
            y=self.y,
            batch_size=self.batch_size,
        )
        name, settings = self.penalty or ("", {})
        layers = LayerWriter().whole(self.net)["settings"]["layers"]
        for layer, said in zip(self.net.layers, layers, strict=True):
            said["trainable"] = layer.trainable
        return {
            "architecture": {
                "layers": layers,
                "width": self.x.shape[1],
                "loss": {"name": self.loss, **self.loss_settings},
                "optimizer": {"name": self.optimizer, **self.settings},
                "penalty": {"name": name, **settings} if name else None,
            },
            "x": packed(self.x),
            "y": packed(self.y.astype(np.float64)),
            "parameters": packed(model.parameters),
            "state": packed(model.state),
            "streams": packed(model.streams),
            "shuffling": packed(model.shuffling),
            "rows": self.rows,
            "batch_size": self.batch_size,
            "rate": self.rate,
            "epochs": self.epochs,
        }

    def expected(self) -> dict[str, Array]:
        """What the engine of handgrad makes."""
        net = copy.deepcopy(self.net)
        reports = hg.train(
            net,
            (self.x, self.y),
            loss=self.made_loss,
            optimizer=self.made,
            penalty=self.made_penalty,
            epochs=self.epochs,
            batch_size=self.batch_size,
            rng=0,
            engine="portable",
            metrics=(),
        )
        losses = [report.train_loss for report in reports]
        return {
            "losses": np.array(losses, np.float64),
            "parameters": net.parameters,
            "state": net.running_state,
            "predictions": net.predict(self.x, engine="portable").ravel(),
        }


def packed(array: Array) -> str:
    """The bytes of an array as base64."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


@cache
def engine_script() -> str:
    """The engine as one script, and the functions printed for it."""
    return inlined(MODEL) + inlined(FUNCTIONS)


def found_in_node(
    cases: list[Case], told: list[dict[str, Any]] | None = None
) -> list[dict[str, Array]]:
    """What the engine makes of the cases; `told`, what it is given, where that is more."""
    given = {"pages": traced_modules(), "cases": told or [case.told() for case in cases]}
    found = run_in_node(engine_script() + MAIN, given)
    kinds = {"losses": np.float64}
    return [
        {
            name: np.frombuffer(base64.b64decode(text), kinds.get(name, np.float32))
            for name, text in one.items()
        }
        for one in found
    ]

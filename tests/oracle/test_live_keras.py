"""Pictures and sequences from Keras, whose channels come last, predict what they do there."""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.bad_input.refused import refused

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of NumPy, by Keras' own code
]

RNG = np.random.default_rng(0)
PICTURES = RNG.normal(size=(5, 8, 6, 2))
STEPS = RNG.normal(size=(5, 6, 3))
CODES = RNG.integers(0, 7, (5, 6))
CODES[:, 4:] = 0
CODES[0, :3] = 0


@pytest.fixture(scope="module")
def keras() -> Any:
    os.environ["KERAS_BACKEND"] = "torch"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import keras

        return keras


@pytest.fixture(params=["float32", "float64"])
def dtype(keras: Any, request: pytest.FixtureRequest) -> Iterator[str]:
    keras.config.set_floatx(request.param)
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")


def models(of: Any) -> dict[str, tuple[Any, list[Any]]]:
    """The rows and the layers of each model."""
    recurrent = {
        name: (STEPS, [getattr(of, name)(4, return_sequences=True), getattr(of, name)(3),
                       of.Dense(2)])
        for name in ("SimpleRNN", "GRU", "LSTM")
    }  # fmt: skip
    padded = {
        f"{name} with padding": (CODES, [
            of.Embedding(7, 3, mask_zero=True), of.Dense(3, activation="tanh"),
            getattr(of, name)(4, return_sequences=True), of.Dense(2),
        ])
        for name in ("SimpleRNN", "GRU", "LSTM")
    }  # fmt: skip
    return {
        **recurrent,
        **padded,
        "pictures": (PICTURES, [
            of.Conv2D(3, 3, padding="same", activation="relu"), of.BatchNormalization(),
            of.MaxPooling2D(2), of.Dropout(0.2), of.Conv2D(4, (2, 1), strides=(2, 1)),
            of.LeakyReLU(), of.AveragePooling2D((1, 2), strides=1), of.Flatten(), of.Dense(3),
            of.Softmax(),
        ]),
        "pictures to the end": (PICTURES, [
            of.Dense(3), of.BatchNormalization(), of.Conv2D(2, 3, activation="softmax"),
            of.LayerNormalization(), of.MaxPooling2D((2, 3)),
        ]),
        "steps": (STEPS, [
            of.Conv1D(4, 3, padding="same", activation="gelu"), of.BatchNormalization(),
            of.Conv1D(2, 2, strides=2, use_bias=False), of.GlobalMaxPooling1D(), of.Dense(2),
        ]),
        "shapes": (STEPS, [
            of.Permute((2, 1)), of.Reshape((6, 3, 1)), of.Conv2D(2, 2), of.Flatten(), of.Identity(),
        ]),
        "a mean of words": (CODES[1:], [
            of.Embedding(7, 3, mask_zero=True), of.GlobalAveragePooling1D(), of.Dense(2),
        ]),
        "words": (CODES, [of.Embedding(7, 3), of.GRU(3, use_bias=False), of.ELU()]),
    }  # fmt: skip


def built(keras: Any, layers: list[Any], shape: tuple[int, ...], codes: bool) -> Any:
    """The model, with numbers of its own in all its arrays."""
    kind = "int32" if codes else None
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(shape, dtype=kind), *layers])
    for layer in model.layers:
        weights = layer.get_weights()
        layer.set_weights(
            [w + 0.2 * RNG.random(w.shape) if w.dtype.kind == "f" else w for w in weights]
        )
    return model


NAMES = [
    "SimpleRNN", "GRU", "LSTM", "SimpleRNN with padding", "GRU with padding", "LSTM with padding",
    "pictures", "pictures to the end", "steps", "shapes", "a mean of words", "words",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_net_from_a_keras_file_predicts_the_same(
    name: str, dtype: str, keras: Any, tmp_path: Path
) -> None:
    x, layers = models(keras.layers)[name]
    x = x if x.dtype.kind == "i" else x.astype(dtype)
    model = built(keras, layers, x.shape[1:], x.dtype.kind == "i")
    model.save(tmp_path / "net.keras")
    net = hg.exchange.from_keras(tmp_path / "net.keras")
    assert net.dtype == dtype
    expected, found = keras.ops.convert_to_numpy(model(x)), net.predict(x)
    close = 1e-6 * max(1, np.abs(expected).max())  # Keras multiplies float64 as float32 does
    np.testing.assert_allclose(found, expected, rtol=0, atol=close)


def test_channels_are_moved_no_more_than_they_must(keras: Any, tmp_path: Path) -> None:
    x, layers = models(keras.layers)["pictures"]
    built(keras, layers, x.shape[1:], codes=False).save(tmp_path / "net.keras")
    kinds = [
        type(layer).__name__ for layer in hg.exchange.from_keras(tmp_path / "net.keras").layers
    ]
    assert kinds == [
        "Transpose", "Conv2d", "ReLU", "BatchNorm2d", "MaxPool2d", "Dropout", "Conv2d", "LeakyReLU",
        "AvgPool2d", "Transpose", "Flatten", "Linear", "Softmax",
    ]  # fmt: skip


REFUSED: dict[str, tuple[Any, Any, str]] = {
    "even and same": (PICTURES, lambda of: [of.Conv2D(2, 2, padding="same")], "an odd kernel_size"),
    "causal": (STEPS, lambda of: [of.Conv1D(2, 3, padding="causal")], 'padding="valid"'),
    "groups": (PICTURES, lambda of: [of.Conv2D(2, 2, groups=2)], "groups=1, not 2"),
    "holes": (PICTURES, lambda of: [of.Conv2D(2, 2, dilation_rate=2)], "dilation_rate=1"),
    "first": (PICTURES, lambda of: [of.Conv2D(2, 2, data_format="channels_first")],
              "data_format='channels_last'"),
    "same pools": (PICTURES, lambda of: [of.MaxPooling2D(2, padding="same")], "padding='valid'"),
    "another gate": (STEPS, lambda of: [of.GRU(2, reset_after=False)], "reset_after=True"),
    "another tanh": (STEPS, lambda of: [of.LSTM(2, activation="relu")], "activation='tanh'"),
    "back": (STEPS, lambda of: [of.SimpleRNN(2, go_backwards=True)], "go_backwards=False"),
    "both ways": (STEPS, lambda of: [of.Bidirectional(of.GRU(2))], "GRU, LSTM"),
    "padding that is seen": (CODES, lambda of: [of.Embedding(7, 2, mask_zero=True), of.Flatten()],
                             "mask_zero=False"),
    "padding at the end": (CODES, lambda of: [of.Embedding(7, 2, mask_zero=True), of.Dense(2)],
                           "mask_zero=False"),
    "padding that is forgotten": (CODES, lambda of: [
        of.Embedding(7, 2, mask_zero=True), of.GRU(2, return_sequences=True), of.Conv1D(2, 2),
    ], "mask_zero=False"),
    "an open shape": (STEPS, lambda of: [of.Reshape((-1,))], "positive numbers"),
    "a norm of lines": (PICTURES, lambda of: [of.LayerNormalization(axis=1)], "axis=-1"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Layer '(flatten|conv1d):UserWarning")  # that drop the mask
@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_counterpart_is_refused_by_its_layer(
    name: str, keras: Any, tmp_path: Path
) -> None:
    x, layers, words = REFUSED[name]
    made = layers(keras.layers)
    built(keras, made, x.shape[1:], x.dtype.kind == "i").save(tmp_path / "net.keras")
    told = f"layer {made[0].name!r}, {type(made[0]).__name__}"
    with refused(hg.errors.SettingError, told, words, "no counterpart in handgrad"):
        hg.exchange.from_keras(tmp_path / "net.keras")

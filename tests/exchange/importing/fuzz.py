"""Mutated files, read within a second and 100 MB each.

    python -m tests.exchange.importing.fuzz onnx 5000

`keras` for the other kind; a third word is the seed. It runs a child process whose memory is
limited (Linux), and ends with an error if a file did anything but become a net or raise a
HandgradError.
"""

import io
import json
import os
import signal
import subprocess
import sys
import time
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import h5py
import numpy as np
import onnx

import handgrad as hg
from handgrad.exchange.exporting import model_spec_of
from handgrad.exchange.exporting.onnx.file import onnx_model as exported
from tests.exchange.importing.files import N, config, dense, h5, layer, onnx_model
from tests.files.fuzz import limits, too_long
from tests.files.mutations import WEIRD, changed, cut_or_add_bytes, flip_bytes, joined

READ: dict[str, Callable[[Path], hg.Net]] = {
    "onnx": hg.exchange.from_onnx,
    "keras": hg.exchange.from_keras,
}
SHAPES: dict[str, list[tuple[str, list[tuple[int, ...]]]]] = {  # of arrays, by layers' groups
    "dense": [("dense", [(4, 5), (5,)]), ("batch_normalization", [(5,)] * 4),
              ("dense_1", [(5, 2), (2,)])],
    "pictures": [("conv2d", [(3, 3, 1, 2), (2,)]), ("dense", [(8, 2), (2,)])],
    "words": [("embedding", [(7, 3)]), ("gru/cell", [(3, 12), (4, 12), (2, 12)]),
              ("lstm/cell", [(4, 12), (3, 12), (12,)])],
}  # fmt: skip
PLAIN = {"activation": "tanh", "use_bias": True, "recurrent_activation": "sigmoid"}
WINDOWS = {"data_format": "channels_last", "padding": "valid", "strides": [1, 1]}
LAYERS: dict[str, list[Any]] = {
    "dense": [dense(), layer("BatchNormalization", axis=-1, scale=True, center=True, epsilon=1e-3,
                             momentum=0.9), layer("Dropout", rate=0.2),
              dense("e", activation="softmax")],
    "pictures": [layer("Reshape", target_shape=[4, 4, 1]),
                 layer("Conv2D", kernel_size=[3, 3], groups=1, dilation_rate=[1, 1],
                       **PLAIN | WINDOWS),
                 layer("MaxPooling2D", pool_size=[1, 1], **WINDOWS), layer("Flatten"), dense()],
    "words": [layer("Embedding", mask_zero=True, input_dim=7),
              layer("GRU", reset_after=True, return_sequences=True, **PLAIN),
              layer("LSTM", return_sequences=False, **PLAIN)],
}  # fmt: skip


def keras_seeds() -> list[bytes]:
    """Small models as Keras writes them, of most kinds of layers."""
    rng, files = np.random.default_rng(0), []
    for name, groups in SHAPES.items():

        def fill(file: Any, groups: Any = groups) -> None:
            for group, shapes in groups:
                for i, shape in enumerate(shapes):
                    file[f"layers/{group}/vars/{i}"] = rng.random(shape, np.float32)

        files.append(zipped(config(*LAYERS[name]).encode(), h5(fill)))
    return files


def onnx_seeds() -> list[bytes]:
    """Models that hg.export and others write, of most kinds of nodes."""
    nets = [
        hg.Net(hg.Linear(4, 5), hg.GELU(), hg.LayerNorm(5), hg.Linear(5, 2), hg.Softmax()),
        hg.Net(hg.Conv2d(1, 2, 3), hg.ReLU(), hg.MaxPool2d(2), hg.Flatten(), hg.Linear(2, 2)),
        hg.Net(hg.Embedding(7, 3), hg.GRU(3, 4)),
    ]
    rows = [None, np.zeros((1, 1, 4, 4), np.float32), np.zeros((1, 5), np.int64)]
    models = [exported(model_spec_of(net, x)) for net, x in zip(nets, rows, strict=True)]
    plain = exported(
        model_spec_of(hg.Net(hg.Linear(4, 5), hg.GELU(), hg.Linear(5, 2), hg.Sigmoid()))
    )
    del plain.metadata_props[:]
    shaped = [
        N("Shape", ["x"], ["s"]), N("Gather", ["s", "zero"], ["n"]),
        N("Unsqueeze", ["n", "zeros"], ["m"]), N("Concat", ["m", "two"], ["t"], axis=0),
        N("Reshape", ["x", "t"], ["r"]), N("Transpose", ["r"], ["p"], perm=[0, 2, 1]),
        N("Flatten", ["p"], ["f"]), N("Gemm", ["f", "W", "b"], ["g"], transB=1),
        N("BatchNormalization", ["g", "b", "b", "b", "b"], ["h"]), N("Sigmoid", ["h"], ["i"]),
        N("Mul", ["i", "b"], ["j"]), N("Dropout", ["j"], ["k"]), N("Elu", ["k"], ["y"], alpha=0.5),
    ]  # fmt: skip
    arrays = {
        "zero": np.array(0), "zeros": np.array([0]), "two": np.array([2, 2]),
        "W": np.ones((3, 4)), "b": np.ones(3),
    }  # fmt: skip
    recurrent = [
        N("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
        N("LSTM", ["t", "V", "R", "B"], ["h"], hidden_size=2), N("Squeeze", ["h", "one"], ["q"]),
        N("Transpose", ["q"], ["y"], perm=[1, 0, 2]),
    ]  # fmt: skip
    weights = {
        "V": np.ones((1, 8, 4)), "R": np.ones((1, 8, 2)), "B": np.ones((1, 16)),
        "one": np.array([1]),
    }  # fmt: skip
    pictures = [
        N("Conv", ["x", "K", "k"], ["c"], pads=[1, 1, 1, 1]), N("Relu", ["c"], ["r"]),
        N("MaxPool", ["r"], ["m"], kernel_shape=[2, 2], strides=[2, 2]),
        N("Flatten", ["m"], ["f"]), N("MatMul", ["f", "W"], ["p"]), N("Add", ["p", "b"], ["y"]),
    ]  # fmt: skip
    kernels = {"K": np.ones((2, 1, 3, 3)), "k": np.ones(2), "W": np.ones((8, 3)), "b": np.ones(3)}
    models += [
        plain,
        onnx_model(shaped, arrays),
        onnx_model(recurrent, weights, shape=("n", 3, 4)),
        onnx_model(pictures, kernels, shape=("n", 1, 4, 4)),
    ]
    return [model.SerializeToString() for model in models]


SEEDS = {"onnx": onnx_seeds, "keras": keras_seeds}


def mutated(kind: str, content: bytes, rng: Random) -> bytes:
    """The file after one to three mutations."""
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        try:
            content = rng.choice(MUTATIONS[kind])(content, rng)
        except Exception:  # what went before left nothing to work on
            content = flip_bytes(content, rng)
    return content


def zipped(said: bytes, weights: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as parts:
        parts.writestr("config.json", said)
        parts.writestr("model.weights.h5", weights)
    return content.getvalue()


def unzipped(content: bytes) -> tuple[bytes, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        return parts.read("config.json"), parts.read("model.weights.h5")


def other_config(content: bytes, rng: Random) -> bytes:
    """One value or key of config.json changed."""
    said, weights = unzipped(content)
    return zipped(joined(changed(json.loads(said), rng), b"", rng)[8:], weights)


def other_text(content: bytes, rng: Random) -> bytes:
    """Bytes of config.json changed."""
    said, weights = unzipped(content)
    return zipped(rng.choice([flip_bytes, cut_or_add_bytes])(said, rng), weights)


def other_bytes_of_weights(content: bytes, rng: Random) -> bytes:
    """Bytes of the HDF5 file changed."""
    said, weights = unzipped(content)
    return zipped(said, rng.choice([flip_bytes, cut_or_add_bytes])(weights, rng))


def other_arrays(content: bytes, rng: Random) -> bytes:
    """An array of another shape, type or place, or none, or a link."""
    said, weights = unzipped(content)
    changing = io.BytesIO(weights)
    with h5py.File(changing, "r+") as file:
        places: list[str] = []
        file.visit(places.append)
        place, other = rng.choice(places), rng.choice(places)
        size = rng.choice([0, 1, 2, 5, 100])
        found = file[place]
        file.move(place, "moved")
        how: list[Callable[[], object]] = [
            lambda: None,
            lambda: file.create_dataset(place, (size, rng.choice([1, 4, 10**7])), "f4"),
            lambda: file.create_dataset(place, (size,), rng.choice(["S5", "i8", "c8", "f2", "f8"])),
            lambda: file.create_dataset(place, data=rng.choice(["a", 1.0, float("nan")])),
            lambda: file.create_dataset(place, (10**9,), "f4", chunks=(100,), fillvalue=1),
            lambda: file.create_group(place),
            lambda: file.__setitem__(place, rng.choice([h5py.SoftLink("/moved"), found])),
            lambda: file.__setitem__(place, h5py.ExternalLink("other", "a")),
            lambda: file.__setitem__(place, file[other]),
        ]
        rng.choice(how)()
    return zipped(said, changing.getvalue())


def other_part(content: bytes, rng: Random) -> bytes:
    """A message within the model changed: one of its fields, or all of it."""
    model = onnx.ModelProto.FromString(content)
    message = rng.choice([*_messages(model, 0)])
    field = rng.choice(message.DESCRIPTOR.fields)
    value = getattr(message, field.name)
    if hasattr(value, "append"):
        items = [*value]
        others = [getattr(other, field.name) for other in _messages(model, 0)
                  if field in other.DESCRIPTOR.fields]  # fmt: skip
        items += rng.choice(others)
        rng.shuffle(items)
        del value[:]
        value.extend(items[: rng.randrange(len(items) + 1)])
    elif field.message_type is not None:
        message.ClearField(field.name)
    else:
        setattr(message, field.name, _scalar(value, model, rng))
    return bytes(model.SerializeToString())


def other_node(content: bytes, rng: Random) -> bytes:
    """A node of another operator, with other inputs, or with an attribute that is changed."""
    model = onnx.ModelProto.FromString(content)
    node = rng.choice(model.graph.node)
    names = [*(n for other in model.graph.node for n in (*other.input, *other.output)), "", "none"]
    how = rng.randrange(5)
    if how == 0:
        node.op_type = rng.choice(OPERATORS)
    elif how == 1:
        node.input.append(rng.choice(names))
    elif how == 2:
        (node.input or node.output)[rng.randrange(len(node.input or node.output))] = rng.choice(
            names
        )
    elif how == 3:
        other = rng.choice([*node.attribute, *(a for n in model.graph.node for a in n.attribute)])
        node.attribute.append(other)
    else:
        value: Any = rng.choice([-1, 0, 2**40, [2**40] * 2, [0, 2, 1], 0.5, "a", [1, 1]])
        name = rng.choice(["axis", "perm", "pads", "strides", "group", "epsilon", "alpha"])
        node.attribute.append(onnx.helper.make_attribute(name, value))
    return bytes(model.SerializeToString())


def other_array(content: bytes, rng: Random) -> bytes:
    """An array of another shape or type, or one that lies elsewhere."""
    model = onnx.ModelProto.FromString(content)
    tensor = rng.choice(model.graph.initializer)
    how = rng.randrange(4)
    if how == 0:
        tensor.dims[:] = rng.choice([[], [-1], [0], [1], [2**40, 2**40], [1] * 100, [0, 2**40]])
    elif how == 1:
        tensor.data_type = rng.randrange(24)
    elif how == 2:
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=rng.choice(["a", "/dev/zero", "../a"]))
    else:
        array = rng.choice([np.zeros((2, 3)), np.array([2**62, 4]), np.ones(3, np.int8)])
        tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    return bytes(model.SerializeToString())


def _messages(message: Any, depth: int) -> list[Any]:
    """A message and all that are within it."""
    found = [message]
    for field, value in message.ListFields():
        if field.message_type is not None and depth < 8:
            for part in value if hasattr(value, "append") else [value]:
                found += _messages(part, depth + 1)
    return found


def _scalar(value: Any, model: Any, rng: Random) -> Any:
    """Another value of the same type."""
    weird = [one for one in WEIRD if type(one) is type(value)]
    if isinstance(value, bytes):
        return rng.randbytes(rng.choice([0, 1, 8, 64]))
    if isinstance(value, str):
        weird += [node.output[0] for node in model.graph.node if node.output]
    elif type(value) is int:
        weird = [0, 1, -1, 2, 7, 16, 2**31 - 1]
    return rng.choice(weird)


OPERATORS = [
    "Add", "ArgMax", "BatchNormalization", "Cast", "Concat", "Constant", "ConstantOfShape", "Conv",
    "Div", "Dropout", "Elu", "Expand", "Flatten", "Gather", "Gemm", "GRU", "Identity", "If", "LSTM",
    "LayerNormalization", "Loop", "MatMul", "MaxPool", "Mul", "Neg", "RandomNormal", "Range",
    "Relu", "Reshape", "RNN", "Scaler", "Shape", "Slice", "Softmax", "Split", "Squeeze", "Sub",
    "Tile", "Transpose", "Where",
]  # fmt: skip
MUTATIONS: dict[str, list[Callable[[bytes, Random], bytes]]] = {
    "onnx": [flip_bytes, cut_or_add_bytes, other_part, other_part, other_node, other_node,
             other_array],
    "keras": [flip_bytes, cut_or_add_bytes, other_config, other_config, other_config, other_text,
              other_bytes_of_weights, other_bytes_of_weights, other_arrays],
}  # fmt: skip


def outcome(kind: str, path: Path, content: bytes) -> str:
    """What became of the file: 'a net' or 'refused', in three parts that are not long."""
    path.write_bytes(content)
    try:
        net = READ[kind](path)
    except hg.HandgradError as error:
        check_refusal(error, path)
        return "refused"
    assert isinstance(net, hg.Net)
    assert net.layers
    return "a net"


def check_refusal(error: hg.HandgradError, path: Path) -> None:
    """It names the file and has its three parts, of which none is as long as the file."""
    assert str(path) in error.where
    for part in (error.came, error.expected, error.hint):
        assert 0 < len(part) < 1000
        assert part.replace("\n", "").isprintable()


def in_limited_memory(kind: str, n: int, seed: int) -> int:
    """Read `n` files in this process; the number of those that broke a promise."""
    rng, counts = Random(seed), Counter[str]()
    slowest, largest, broken = 0.0, 0, 0
    with TemporaryDirectory() as name:
        path, files = Path(name) / "a", SEEDS[kind]()
        for content in files:
            assert outcome(kind, path, content) == "a net"
        signal.signal(signal.SIGPROF, too_long)
        for i in range(n):
            content = mutated(kind, rng.choice(files), rng)
            started = time.process_time()
            try:
                with limits() as grown, warnings.catch_warnings():
                    warnings.simplefilter("error")
                    found = outcome(kind, path, content)
            except BaseException as error:
                found, broken = f"BROKEN: {type(error).__name__}", broken + 1
                Path(f"broken-{seed}-{i}.{kind}").write_bytes(content)
                print(f"file {i}: {type(error).__name__}: {str(error)[:300]}", flush=True)
            slowest = max(slowest, time.process_time() - started)
            largest = max(largest, grown[0])
            counts[found] += 1
    print(f"{n} files, seed {seed}: {', '.join(f'{v} {k}' for k, v in counts.most_common())}")
    print(f"the slowest took {slowest:.2f} s of CPU, the largest {largest / 2**20:.0f} MB")
    return broken


def main(kind: str = "onnx", n: str = "5000", seed: str = "0") -> int:
    """Run the child; its exit code, or that of a crash."""
    code = (
        "import sys; from tests.exchange.importing.fuzz import *; "
        f"sys.exit(in_limited_memory({kind!r}, {int(n)}, {int(seed)}) > 0)"
    )
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "HANDGRAD_CACHE": "off"}
    return subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

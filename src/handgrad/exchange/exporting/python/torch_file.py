"""Export to PyTorch source: its layers where they exist, else the traced operations."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from textwrap import indent

import numpy as np

from handgrad.exchange.exporting.model_spec import ModelSpec, place_of
from handgrad.exchange.exporting.proof import MOST, Check, compared
from handgrad.exchange.exporting.python.file import TAKEN, answer_of, python_file, shape_text
from handgrad.exchange.exporting.python.source import Source
from handgrad.exchange.exporting.python.text import docstring, stored
from handgrad.exchange.exporting.python.torch_operations import (
    SETITEM,
    refuse_backwards,
    torch_call,
    torch_constant,
)
from handgrad.exchange.exporting.train_spec import TrainSpec
from handgrad.files.weights import all_learned
from handgrad.graph.nodes import Node
from handgrad.graph.operations import Op
from handgrad.textbook.errors import SettingError
from handgrad.textbook.layers import (
    ELU,
    GELU,
    SELU,
    Array,
    AvgPool2d,
    BatchNorm,
    BatchNorm2d,
    Conv1d,
    Conv2d,
    ConvTranspose1d,
    ConvTranspose2d,
    Dropout,
    Embedding,
    Flatten,
    GaussianNoise,
    GELUTanh,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    MaxPool2d,
    Mish,
    RandomHorizontalFlip,
    RandomShift,
    ReLU,
    Reshape,
    RMSNorm,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from handgrad.textbook.layers.convolution import Convolution
from handgrad.textbook.layers.windows import WindowLayer
from handgrad.textbook.net import Net

# PyTorch's modules of the same mathematics; its Softplus is x from 20 on by default.
MODULES: Mapping[type[Layer], Callable[..., str]] = {
    Linear: lambda layer: f"nn.Linear({layer.n_in}, {layer.n_out})",
    Embedding: lambda layer: (
        f"nn.Embedding({layer.n_values}, {layer.size}"
        + ("" if layer.padding is None else f", padding_idx={layer.padding}")
        + ")"
    ),
    Tanh: lambda layer: "nn.Tanh()",
    ReLU: lambda layer: "nn.ReLU()",
    LeakyReLU: lambda layer: f"nn.LeakyReLU({layer.a})",
    Sigmoid: lambda layer: "nn.Sigmoid()",
    SiLU: lambda layer: "nn.SiLU()",
    GELU: lambda layer: "nn.GELU()",
    GELUTanh: lambda layer: 'nn.GELU("tanh")',
    ELU: lambda layer: f"nn.ELU({layer.a})",
    SELU: lambda layer: "nn.SELU()",
    Softplus: lambda layer: "nn.Softplus(threshold=50)",
    Mish: lambda layer: "nn.Mish()",
    Softmax: lambda layer: "nn.Softmax(dim=-1)",
    Dropout: lambda layer: f"nn.Dropout({layer.p})",
    LayerNorm: lambda layer: f"nn.LayerNorm({layer.n_in}, eps={layer.eps})",
    RMSNorm: lambda layer: f"nn.RMSNorm({layer.n_in}, eps={layer.eps})",
    BatchNorm: lambda layer: (
        f"nn.BatchNorm1d({layer.n_in}, eps={layer.eps}, momentum={layer.momentum})"
    ),
    BatchNorm2d: lambda layer: (
        f"nn.BatchNorm2d({layer.n_in}, eps={layer.eps}, momentum={layer.momentum})"
    ),
    Conv2d: lambda layer: (
        f"nn.Conv2d({layer.n_in}, {layer.n_out}, {_windows(layer)}{_spread(layer)})"
    ),
    Conv1d: lambda layer: (
        f"nn.Conv1d({layer.n_in}, {layer.n_out}, {_windows(layer)}{_spread(layer)})"
    ),
    ConvTranspose2d: lambda layer: (
        f"nn.ConvTranspose2d({layer.n_in}, {layer.n_out}, {_windows(layer)})"
    ),
    ConvTranspose1d: lambda layer: (
        f"nn.ConvTranspose1d({layer.n_in}, {layer.n_out}, {_windows(layer)})"
    ),
    MaxPool2d: lambda layer: f"nn.MaxPool2d({_windows(layer)})",
    AvgPool2d: lambda layer: f"nn.AvgPool2d({_windows(layer)})",
    Flatten: lambda layer: "nn.Flatten()",
    Reshape: lambda layer: f"nn.Sequential(nn.Flatten(), nn.Unflatten(1, {layer.shape}))",
    **dict.fromkeys(  # identities in prediction
        (RandomShift, RandomHorizontalFlip, GaussianNoise), lambda layer: "nn.Identity()"
    ),
}


def _windows(layer: WindowLayer) -> str:
    return f"{layer.kernel_size}, stride={layer.stride}, padding={layer.padding}"


def _spread(layer: Convolution) -> str:
    """Dilation and groups of a convolution that has them."""
    dilated = f", dilation={layer.dilation}" if max(layer.dilation) > 1 else ""
    return dilated + (f", groups={layer.groups}" if layer.groups > 1 else "")


NET = '''def net(x):
    """Prediction of `module` for an array of rows."""
    with torch.inference_mode():
        return module(torch.tensor(x)).numpy()'''


def write_torch(spec: ModelSpec, path: Path, train_spec: TrainSpec | None) -> Sequence[Check]:
    """Write the file; run it on its test rows if PyTorch is installed."""
    text = torch_source(spec, path.stem)
    path.write_text(text, "utf-8", newline="\n")
    if find_spec("torch") is None:
        compile(text, path.name, "exec")
        return [Check("PyTorch", "predict", not_run="it is not installed here")]
    import torch

    try:
        space = runpy.run_path(str(path))
        outputs = space[answer_of(spec)](space["ROWS"]).reshape(spec.answers.shape)
    except (TypeError, ValueError, RuntimeError, IndexError, AttributeError) as error:
        raise SettingError(
            f"source for PyTorch that fails there: {type(error).__name__}: {error}",
            "operations that PyTorch has with the same arguments",
            "another kind of file, or a page in other operations",
        ) from error
    most = MOST[spec.net.dtype.name]
    return [compared(f"PyTorch {torch.__version__}", outputs, spec.answers, "predict", most)]


def torch_source(spec: ModelSpec, module: str = "model") -> str:
    """Source of the file; `module` is its name in the usage example."""
    plain = _is_plain(spec.net, spec.example.ndim)
    made, weights = _sequential(spec.net) if plain else _module(spec)
    dtype = spec.net.dtype.name
    entries = "".join(f'\n    "{name}": {stored(values)},' for name, values in weights.items())
    data = [
        f"WEIGHTS = {{{entries}\n}}",
        f"module = {'sequential' if plain else 'Module'}()",
        "module.load_state_dict({name: torch.tensor(w) for name, w in WEIGHTS.items()})",
        "module.eval()",
    ]
    return python_file(
        spec,
        module,
        [*made, NET],
        data,
        most=MOST[dtype],
        any_places=plain,
        needs="Requires PyTorch and NumPy only; `module` is the nn.Module",
        imports=("import numpy as np", "import torch", "from torch import nn"),
    )


def _is_plain(net: Net, ndim: int) -> bool:
    """Return True if PyTorch has all layers, for rows with this number of axes."""
    return all(
        (type(layer) is Net or type(layer) in MODULES)
        and (type(layer) is not BatchNorm or ndim == 2)
        for _, layer in net.walk()
    )


def _sequential(net: Net) -> tuple[list[str], dict[str, Array]]:
    """Function that builds the nn.Sequential, and its state dict."""
    dtype = f".to(torch.{net.dtype.name})" * (net.dtype != np.float32)
    doc = docstring("The layers, as PyTorch has them.")
    text = f"def sequential():\n    {doc}\n    return {indent(_layers(net), '    ').strip()}{dtype}"
    weights = {}
    for name, values in all_learned(net).items():
        weights[f"{name[:-1]}weight" if name.endswith(".E") else name] = values
    for path, layer in net.walk():
        if isinstance(layer, BatchNorm):
            weights[f"{path}.num_batches_tracked"] = np.array(0)
    return [text], weights


def _layers(net: Net) -> str:
    lines = [
        f"{_layers(layer) if isinstance(layer, Net) else MODULES[type(layer)](layer)},"
        for layer in net.layers
    ]
    return "nn.Sequential(\n" + indent("\n".join(lines), "    ") + "\n)"


def _module(spec: ModelSpec) -> tuple[list[str], dict[str, Array]]:
    """Class whose forward is the traced prediction, and its state dict."""

    def call(node: Node, arguments: Sequence[str], options: Mapping[str, str]) -> str:
        with _layer_named(node, spec.net):
            return torch_call(node, arguments, options)

    for node in spec.graph.nodes:
        with _layer_named(node, spec.net):
            refuse_backwards(node)
    source = Source(spec.graph, call, torch_constant, {*TAKEN, "torch", "nn"}, "self.")
    lines = source.lines()
    state, leaves = spec.net.state(), spec.graph.leaves
    weights = {source.names[i].removeprefix("self."): state[n] for n, i in source.weights.items()}
    trained = {source.names[i].removeprefix("self.") for i in leaves.parameters.values()}
    weights |= source.constants
    made = ["super().__init__()"]
    for name, values in weights.items():
        empty = f"torch.empty({values.shape}, dtype=torch.{values.dtype.name})"
        made.append(
            f"self.{name} = nn.Parameter({empty})"
            if name in trained
            else f'self.register_buffer("{name}", {empty})'
        )
    body = [*["n = len(x)"] * source.follows_n, *lines, f"return {source.result}"]
    shapes = f"x {shape_text(spec.example)} to {shape_text(spec.answers)}"
    text = (
        f"class Module(nn.Module):\n    {docstring(f'The net: {shapes}.')}\n\n"
        f"    def __init__(self):\n{indent(chr(10).join(made), ' ' * 8)}\n\n"
        f"    def forward(self, x):\n{indent(chr(10).join(body), ' ' * 8)}"
    )
    writes = any(node.operation is Op.SETITEM for node in spec.graph.nodes)
    return [text, *[SETITEM] * writes], weights


@contextmanager
def _layer_named(node: Node, net: Net) -> Iterator[None]:
    """Context that adds the layer to errors."""
    try:
        yield
    except SettingError as error:
        error.put_within(place_of(node, net))
        raise

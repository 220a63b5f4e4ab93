"""The same mathematics in PyTorch, in float64: autograd for gradients, torch.optim for steps."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional

import handgrad as hg
from tests.oracle.cases import Case

torch.set_num_threads(1)  # nets this small only wait for a second thread


def embedded(x: Any, E: Any, n_numbers: int) -> Any:
    """The numbers of each row, and PyTorch's embeddings of its codes behind them."""
    rows = functional.embedding(x[:, n_numbers:].long(), E)
    return torch.cat([x[:, :n_numbers].to(E.dtype), rows.flatten(1)], dim=1)


def with_waves(x: Any, n_periodic: int, w: Any, b: Any, V: Any) -> Any:
    """The features of each member, and behind them the waves of the first few, weighed."""
    waves = torch.cos(2 * math.pi * w * x[:, :, :n_periodic, None] + b)
    sums = (waves[..., None] * V).sum(dim=3)
    return torch.cat([x, sums.flatten(2)], dim=2)


def waves_of_places(length: int, size: int) -> Any:
    """As in PyTorch's tutorial on transformers: sines in every other feature, cosines between."""
    place = torch.arange(length).double()[:, None]
    frequency = torch.exp(torch.arange(0, size, 2).double() * (-math.log(10000.0) / size))
    waves = torch.zeros(length, size).double()
    waves[:, 0::2] = torch.sin(place * frequency)
    waves[:, 1::2] = torch.cos(place * frequency)
    return waves


def attended(layer: Any, x: Any, p: dict[str, Any], mask: Any = None) -> Any:
    """PyTorch's own attention, of the places that the mask and the order allow."""
    t = x.shape[1]
    y, _ = functional.multi_head_attention_forward(
        *[x.swapaxes(0, 1)] * 3,
        layer.n_in,
        layer.n_heads,
        p["W"],
        p["b"],
        None,
        None,
        False,
        0.0,
        p["Wo"],
        p["bo"],
        key_padding_mask=None if mask is None else ~mask,  # in which True bars a place
        attn_mask=torch.ones(t, t).tril() == 0 if layer.causal else None,
    )
    return y.swapaxes(0, 1)


def step_by_step(module: Any, layer: Any, x: Any, p: dict[str, Any]) -> Any:
    """What PyTorch's recurrent module gives: h of the last step, or of every step."""
    named = {"weight_ih_l0": "W", "weight_hh_l0": "U", "bias_ih_l0": "b", "bias_hh_l0": "v"}
    of_torch = module(layer.n_in, layer.n_out, batch_first=True, dtype=torch.float64)
    parameters = {theirs: p[ours] for theirs, ours in named.items()}
    h, _ = torch.func.functional_call(of_torch, parameters, (x,))
    return h if layer.return_sequences else h[:, -1]


def shifted(x: Any, a: Any, b: Any, pixels: int) -> Any:
    """Each picture cut out of itself with zeros around it, from line a and column b on."""
    wide, (height, width) = functional.pad(x, [pixels] * 4), x.shape[2:]
    starts = [(int(i) + pixels, int(j) + pixels) for i, j in zip(a.ravel(), b.ravel(), strict=True)]
    cut = [row[:, i : i + height, j : j + width] for row, (i, j) in zip(wide, starts, strict=True)]
    return torch.stack(cut)


def gated(x: Any) -> Any:
    """SiLU of the first half of the features, times the second."""
    a, b = x.chunk(2, dim=-1)
    return functional.silu(a) * b


def rotated(x: Any) -> Any:
    """Pairs of features as complex numbers, multiplied by those of their angles."""
    t, size = x.shape[-2:]
    frequency = 10000.0 ** (-torch.arange(0, size, 2).double() / size)
    angles = torch.outer(torch.arange(t).double(), frequency)
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())
    turned = pairs * torch.polar(torch.ones_like(angles), angles)
    return torch.view_as_real(turned).flatten(-2)


LAYERS: dict[str, Callable[[Any, Any, dict[str, Any]], Any]] = {
    "Linear": lambda layer, x, p: functional.linear(x, p["W"], p["b"]),
    "FeatureScale": lambda layer, x, p: x * p["s"],
    "Embedding": lambda layer, x, p: functional.embedding(x.long(), p["E"], layer.padding),
    "TabularEmbedding": lambda layer, x, p: embedded(x, p["E"], layer.n_numbers),
    "MultiheadAttention": attended,
    "MeanOverTime": lambda layer, x, p: x.mean(dim=1),
    "MaxOverTime": lambda layer, x, p: functional.max_pool1d(x.swapaxes(1, 2), x.shape[1])[..., 0],
    "PositionEmbedding": lambda layer, x, p: x + p["P"][: x.shape[1]],
    "SinusoidalEncoding": lambda layer, x, p: x + waves_of_places(*x.shape[1:]),
    "RotaryEmbedding": lambda layer, x, p: rotated(x),
    "RNN": lambda layer, x, p: step_by_step(torch.nn.RNN, layer, x, p),
    "GRU": lambda layer, x, p: step_by_step(torch.nn.GRU, layer, x, p),
    "LSTM": lambda layer, x, p: step_by_step(torch.nn.LSTM, layer, x, p),
    "EnsembleEmbedding": lambda layer, x, p: torch.stack(
        [embedded(x[:, m], E, layer.n_numbers) for m, E in enumerate(p["E"])], dim=1
    ),
    "EnsemblePeriodicEmbedding": lambda layer, x, p: with_waves(x, layer.n_periodic, **p),
    "EnsembleLinear": lambda layer, x, p: torch.stack(
        [
            functional.linear(x[:, m], W, b)
            for m, (W, b) in enumerate(zip(p["W"], p["b"], strict=True))
        ],
        dim=1,
    ),
    "Tanh": lambda layer, x, p: torch.tanh(x),
    "ReLU": lambda layer, x, p: functional.relu(x),
    "LeakyReLU": lambda layer, x, p: functional.leaky_relu(x, layer.a),
    "Sigmoid": lambda layer, x, p: torch.sigmoid(x),
    "SiLU": lambda layer, x, p: functional.silu(x),
    "GELU": lambda layer, x, p: functional.gelu(x),
    "GELUTanh": lambda layer, x, p: functional.gelu(x, approximate="tanh"),
    "ELU": lambda layer, x, p: functional.elu(x, layer.a),
    "SELU": lambda layer, x, p: functional.selu(x),
    "Softplus": lambda layer, x, p: functional.softplus(x),
    "Mish": lambda layer, x, p: functional.mish(x),
    "Softmax": lambda layer, x, p: functional.softmax(x, dim=1),
    "BatchNorm": lambda layer, x, p: functional.batch_norm(
        x,
        None,  # their running statistics are compared apart
        None,
        p["gamma"],
        p["beta"],
        training=True,
        eps=layer.eps,
    ),
    "LayerNorm": lambda layer, x, p: functional.layer_norm(
        x, x.shape[1:], p["gamma"], p["beta"], layer.eps
    ),
    "RMSNorm": lambda layer, x, p: functional.rms_norm(x, x.shape[1:], p["gamma"], layer.eps),
    "SwiGLU": lambda layer, x, p: gated(x),
    "Dropout": lambda layer, x, p: x * tensor(layer.m),  # with the same draws
    "Reshape": lambda layer, x, p: x.unflatten(1, layer.shape),
    "Flatten": lambda layer, x, p: x.flatten(1),
    "Transpose": lambda layer, x, p: x.permute(0, *layer.axes),
    "Conv2d": lambda layer, x, p: functional.conv2d(
        x, p["W"], p["b"], layer.stride, layer.padding, layer.dilation, layer.groups
    ),
    "Conv1d": lambda layer, x, p: functional.conv1d(
        x, p["W"], p["b"], layer.stride, layer.padding, layer.dilation, layer.groups
    ),
    "ConvTranspose2d": lambda layer, x, p: functional.conv_transpose2d(
        x, p["W"], p["b"], layer.stride, layer.padding
    ),
    "ConvTranspose1d": lambda layer, x, p: functional.conv_transpose1d(
        x, p["W"], p["b"], layer.stride, layer.padding
    ),
    "MaxPool2d": lambda layer, x, p: functional.max_pool2d(
        x, layer.kernel_size, layer.stride, layer.padding
    ),
    "AvgPool2d": lambda layer, x, p: functional.avg_pool2d(
        x, layer.kernel_size, layer.stride, layer.padding
    ),
    "BatchNorm2d": lambda layer, x, p: functional.batch_norm(
        x, None, None, p["gamma"], p["beta"], training=True, eps=layer.eps
    ),
    "RandomShift": lambda layer, x, p: shifted(x, layer.a, layer.b, layer.pixels),  # as drawn
    "RandomHorizontalFlip": lambda layer, x, p: torch.where(tensor(layer.flipped), x.flip(3), x),
    "GaussianNoise": lambda layer, x, p: x + layer.std * tensor(layer.g),
    "Standardize": lambda layer, x, p: (x - tensor(layer.mean)) / tensor(layer.scale),
}


def reduced(losses: Any, reduction: str) -> Any:
    return losses.mean() if reduction == "mean" else losses


def focal(z: Any, y: Any, reduction: str) -> Any:
    """As in the paper: of p_t and alpha_t, gamma being 1.5 and alpha 0.3."""
    p = torch.sigmoid(z)
    p_t, alpha_t = torch.where(y == 1, p, 1 - p), torch.where(y == 1, tensor(0.3), tensor(0.7))
    return reduced(-alpha_t * (1 - p_t) ** 1.5 * torch.log(p_t), reduction)


def pinball(p: Any, y: Any, reduction: str) -> Any:
    return reduced(torch.maximum(0.3 * (y - p), 0.7 * (p - y)), reduction)


def gamma_deviance(z: Any, y: Any, reduction: str) -> Any:
    """Twice the difference of two log-likelihoods of shape 1: of the mean, and of the target."""
    own, of_mean = (torch.distributions.Gamma(1.0, 1 / m).log_prob(y) for m in (y, torch.exp(z)))
    return reduced(2 * (own - of_mean), reduction)


def tweedie_deviance(z: Any, y: Any, reduction: str) -> Any:
    """As scikit-learn has it, the power being 1.3."""
    m = torch.exp(z)
    of_y = y**0.7 / (-0.3 * 0.7)
    return reduced(2 * (of_y - y * m**-0.3 / -0.3 + m**0.7 / 0.7), reduction)


def logistic_hazard(z: Any, y: Any, reduction: str) -> Any:
    """The sum over a row's intervals: of those at risk the binary cross-entropy."""
    rows = functional.binary_cross_entropy_with_logits(
        z, y.clamp(min=0).to(z.dtype), weight=(y >= 0).to(z.dtype), reduction="none"
    )
    return reduced(z.shape[-1] * rows, reduction)


def hinge(z: Any, y: Any, reduction: str) -> Any:
    return reduced(functional.relu(1 - (2 * y - 1) * z), reduction)


# By name, of predictions, targets, and "mean" or "none".
LOSSES: dict[str, Callable[[Any, Any, str], Any]] = {
    "CrossEntropyLoss": lambda p, y, r: functional.nll_loss(torch.log(p), y, reduction=r),
    "SoftmaxCrossEntropyLoss": lambda z, y, r: functional.cross_entropy(z, y, reduction=r),
    "LabelSmoothingCrossEntropyLoss": lambda z, y, r: functional.cross_entropy(
        z, y, label_smoothing=0.2, reduction=r
    ),
    "SoftTargetCrossEntropyLoss": lambda z, t, r: functional.cross_entropy(z, t, reduction=r),
    "MultiMarginLoss": lambda z, y, r: functional.multi_margin_loss(z, y, reduction=r),
    "BinaryCrossEntropyLoss": lambda p, y, r: functional.binary_cross_entropy(
        p, y.to(p.dtype), reduction=r
    ),
    "SigmoidBinaryCrossEntropyLoss": lambda z, y, r: functional.binary_cross_entropy_with_logits(
        z, y.to(z.dtype), reduction=r
    ),
    "FocalLoss": focal,
    "HingeLoss": hinge,
    "MSELoss": lambda p, y, r: functional.mse_loss(p, y, reduction=r),
    "MAELoss": lambda p, y, r: functional.l1_loss(p, y, reduction=r),
    "HuberLoss": lambda p, y, r: functional.huber_loss(p, y, delta=0.7, reduction=r),
    "QuantileLoss": pinball,
    "PoissonNLLLoss": lambda z, y, r: functional.poisson_nll_loss(z, y, reduction=r),
    "GammaDevianceLoss": gamma_deviance,
    "TweedieDevianceLoss": tweedie_deviance,
    "LogisticHazardLoss": logistic_hazard,
}

# What must not come near 0 if a slope is not to jump.
KINKS: dict[str, Callable[[Any, Any], Any]] = {
    "MAELoss": lambda p, y: p - y,
    "QuantileLoss": lambda p, y: p - y,
    "HingeLoss": lambda z, y: 1 - (2 * y - 1) * z,
    "MultiMarginLoss": lambda z, y: 1 + z - z.gather(1, y[:, None]),
}


def tensor(array: Any) -> Any:
    """A tensor of its own: nothing is shared with handgrad's arrays."""
    return torch.tensor(np.array(array))


class Reference:
    """A layer or net again in PyTorch, from copies of its weights.

    `nearest_kink` is how close any number has come so far to where a slope jumps.
    """

    def __init__(self, layer: hg.Layer) -> None:
        self.layer = layer
        self.nearest_kink = math.inf
        self.parameters = {
            path: tensor(array).requires_grad_() for path, array in layer.named_parameters().items()
        }

    def forward(self, x: Any) -> Any:
        return self._forward(self.layer, x, "")

    def _forward(self, layer: hg.Layer, x: Any, path: str) -> Any:
        if isinstance(layer, hg.Bidirectional):
            turned = self._forward(layer.layers[1], x.flip(1), f"{path}1.")
            turned = turned.flip(1) if turned.ndim == 3 else turned
            return torch.cat([self._forward(layer.layers[0], x, f"{path}0."), turned], dim=-1)
        if isinstance(layer, hg.Parallel):
            parts = [self._forward(part, x, f"{path}{i}.") for i, part in enumerate(layer.layers)]
            return torch.cat(parts, dim=1) if layer.join == "concatenate" else sum(parts)
        if isinstance(layer, hg.Net):
            before = x
            for i, inner in enumerate(layer.layers):
                x = self._forward(inner, x, f"{path}{i}.")
            if isinstance(layer, hg.TiedEmbedding):
                return functional.linear(x, self.parameters[f"{path}0.E"])
            return before + x if isinstance(layer, hg.Residual) else x
        if isinstance(layer, hg.ReLU | hg.layers.LeakyReLU | hg.layers.ELU | hg.layers.SELU):
            self._kinks_at_zero(x)
        parameters = {name: self.parameters[path + name] for name in layer.param_names}
        return LAYERS[type(layer).__name__](layer, x, parameters)

    def loss(self, name: str, p: Any, y: Any) -> Any:
        if name in KINKS:
            self._kinks_at_zero(KINKS[name](p, y))
        return LOSSES[name](p, y, "mean")

    def _kinks_at_zero(self, x: Any) -> None:
        self.nearest_kink = min(self.nearest_kink, float(x.detach().abs().min()))

    def weights(self) -> Any:
        """All parameters in one flat array, as they are now."""
        flat = [parameter.detach().numpy().ravel() for parameter in self.parameters.values()]
        return np.concatenate([*flat, np.zeros(0)])

    def gradients(self) -> dict[str, Any]:
        """The gradients of the last `backward`, by path: `{'d0.W': ...}`."""
        return {f"d{path}": p.grad.numpy().copy() for path, p in self.parameters.items()}


def of_layer(layer: hg.Layer, x: Any, dy: Any) -> dict[str, Any]:
    """The output and all gradients of `layer` at `x`, from the gradient `dy` of its output."""
    reference, x = Reference(layer), tensor(x).double().requires_grad_()
    y = reference.forward(x)
    y.backward(tensor(dy))
    dx = {} if x.grad is None else {"dx": x.grad.numpy()}
    return {"y": y.detach().numpy(), **dx, **reference.gradients()}


def of_loss(name: str, p: Any, y: Any, w: Any = None) -> dict[str, Any]:
    """The value and the gradient of a loss at the predictions `p`, rows weighted with `w`."""
    p = tensor(p).requires_grad_()
    if w is None:
        value = LOSSES[name](p, tensor(y), "mean")
    else:
        rows = LOSSES[name](p, tensor(y), "none").reshape(len(p), -1).mean(dim=1)
        value = (tensor(w) * rows).sum() / tensor(w).sum()
    value.backward()
    return {"loss": value.detach().numpy(), "dp": p.grad.numpy()}


def of_step(net: hg.Net, loss: hg.Loss, x: Any, y: Any) -> dict[str, Any]:
    """Prediction, loss and all gradients of one training step, without the update."""
    reference, x = Reference(net), tensor(x).requires_grad_()
    p = reference.forward(x)
    value = reference.loss(type(loss).__name__, p, tensor(y))
    value.backward()
    return {
        "p": p.detach().numpy(),
        "loss": value.detach().numpy(),
        "dx": x.grad.numpy(),
        **reference.gradients(),
    }


def trajectory(case: Case) -> tuple[Any, list[float], float]:
    """By torch.optim.SGD: weights after, and loss of, every step; and the nearest kink."""
    reference, name = Reference(case.net()), type(case.loss()).__name__
    x, y = map(tensor, case.data())
    optimizer = torch.optim.SGD(list(reference.parameters.values()), lr=case.learning_rate)
    weights, losses = [], []
    for _ in range(case.epochs):
        for xb, yb in zip(x.split(case.batch_size), y.split(case.batch_size), strict=True):
            optimizer.zero_grad()
            loss = reference.loss(name, reference.forward(xb), yb)
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
            weights.append(reference.weights())
    return np.array(weights), losses, reference.nearest_kink

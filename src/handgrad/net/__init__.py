"""Layers made of layers: `Net`, `Residual` and `Parallel`, and the flat buffers of their arrays."""

from handgrad.net.branches import Parallel, Residual
from handgrad.net.net import Net
from handgrad.net.watch import LayerCall

__all__ = ["LayerCall", "Net", "Parallel", "Residual"]

"""Layers made of layers: `Net`, `Residual` and `Parallel`, and the flat buffers of their arrays."""

from handgrad.textbook.net.branches import Parallel, Residual
from handgrad.textbook.net.net import Net
from handgrad.textbook.net.watch import LayerCall

__all__ = ["LayerCall", "Net", "Parallel", "Residual"]

"""Nets: layers in sequence, residual connections, parallel branches, flat parameter buffers."""

from handgrad.textbook.net.branches import Parallel, Residual
from handgrad.textbook.net.net import Net
from handgrad.textbook.net.watch import LayerCall

__all__ = ["LayerCall", "Net", "Parallel", "Residual"]

"""Nets: layers in sequence, residual connections, parallel branches, flat parameter buffers."""

from handgrad.textbook.net.branches import Bidirectional, Parallel, Residual
from handgrad.textbook.net.net import Net
from handgrad.textbook.net.tied import TiedEmbedding
from handgrad.textbook.net.watch import LayerCall

__all__ = ["Bidirectional", "LayerCall", "Net", "Parallel", "Residual", "TiedEmbedding"]

"""Numerical stabilization of softmax followed by cross-entropy, by four proved identities.

Probabilities can round to 0; then log p and 1/p are infinite. The pass does not look at layers:
the graph itself shows where the division by p cancels:

    log(e^u / s)[i]            = u[i] − log s[i]
    p · (0 with [i] = v)       = 0 with [i] = p[i] · v
    a · (c / a)                = c,  and a · (c / (k · a)) = c / k
    Σⱼ (0 with [n, yₙ] = v)    = v
"""

import numpy as np

from handgrad.graph.graph import Graph
from handgrad.graph.nodes import Node, key
from handgrad.graph.operations import Op
from handgrad.graph.passes.builder import Builder, rewritten
from handgrad.graph.symbolic import Arange, Full, N, Ratio, Ref, RowComparison


def stabilize(graph: Graph) -> Graph:
    """Replace expressions that would overflow, by the identities above."""
    return rewritten(graph, _stabilized)


def _stabilized(new: Builder, node: Node) -> Ref:
    for identity in (_log_of_a_quotient, _times_a_scatter, _cancelled, _sum_of_a_scatter):
        replacement = identity(new, node)
        if replacement is not None:
            return replacement
    return new.keep(node)


def _log_of_a_quotient(new: Builder, node: Node) -> Ref | None:
    """log(getitem(exp(u) / s, i)), where s has one number per row."""
    if node.operation is not Op.LOG or not _is(new, node.arguments[0], Op.GETITEM):
        return None
    p, index = new[node.arguments[0]].arguments
    if not _is(new, p, Op.DIVIDE) or len(index) != 2:
        return None
    e, s = new[p].arguments
    if not (_is(new, e, Op.EXP) and isinstance(s, Ref) and new[s].shape == (new[e].shape[0], 1)):
        return None
    u = new.alike(node, Op.GETITEM, new[e].arguments[0], index)
    s_of_row = new.alike(node, Op.GETITEM, s, (index[0], 0))
    return new.alike(node, Op.SUBTRACT, u, new.alike(node, Op.LOG, s_of_row))


def _times_a_scatter(new: Builder, node: Node) -> Ref | None:
    """p * setitem(fill 0, i, v)."""
    if node.operation is not Op.MULTIPLY:
        return None
    for p, d in (node.arguments, node.arguments[::-1]):
        if not (isinstance(p, Ref) and _is_scatter(new, d) and new[p].shape == node.shape):
            continue
        zeros, index, v = new[d].arguments
        shape = new[v].shape
        if shape != node.shape[:1]:
            continue
        p_of_index = _same(new, Node(Op.GETITEM, (p, index), {}, shape, node.dtype, node.origin))
        product = Node(Op.MULTIPLY, (p_of_index, v), {}, shape, node.dtype, node.origin)
        value = _cancelled(new, product) or new.keep(product)
        return new.alike(node, Op.SETITEM, zeros, index, value)
    return None


def _cancelled(new: Builder, node: Node) -> Ref | None:
    """a * (c / a), and with numbers c and k, a * (c / (k * a))."""
    if node.operation is not Op.MULTIPLY:
        return None
    for a, quotient in (node.arguments, node.arguments[::-1]):
        if not (isinstance(a, Ref) and _is(new, quotient, Op.DIVIDE)):
            continue
        c, divisor = new[quotient].arguments
        if isinstance(c, Ref):
            if _is_same(divisor, a) and new[c].shape == node.shape:
                return c
        elif isinstance(c, Arange | Full | RowComparison | np.ndarray):
            continue
        elif _is_same(divisor, a):
            return new.filled(node, c)
        elif _is(new, divisor, Op.MULTIPLY):
            for k, other in (new[divisor].arguments, new[divisor].arguments[::-1]):
                if _is_same(other, a) and not isinstance(k, Ref):
                    return new.filled(node, Ratio(c, k))
    return None


def _is_same(value: object, a: Ref) -> bool:
    return isinstance(value, Ref) and value == a


def _sum_of_a_scatter(new: Builder, node: Node) -> Ref | None:
    """The sum over the classes of setitem(fill 0, (arange(n), y), v)."""
    if node.operation is not Op.SUM or node.arguments[1] != (1,):
        return None
    x = node.arguments[0]
    if not _is_scatter(new, x):
        return None
    _, index, v = new[x].arguments
    rows, *columns = index
    if not (isinstance(rows, Arange) and rows.length == N and len(columns) == 1):
        return None
    if new[v].shape != new[x].shape[:1]:
        return None
    if not node.options["keepdims"]:
        return v
    return new.alike(node, Op.VIEW, v, 0, (1, 1), node.shape)


def _is(new: Builder, value: object, operation: Op) -> bool:
    return isinstance(value, Ref) and new[value].operation == operation


def _is_scatter(new: Builder, value: object) -> bool:
    """Return True if `value` is zeros with some entries set to an array of values."""
    if not (isinstance(value, Ref) and new[value].operation is Op.SETITEM):
        return False
    zeros, _, v = new[value].arguments
    return _is(new, zeros, Op.FILL) and new[zeros].arguments[1] == 0 and isinstance(v, Ref)


def _same(new: Builder, node: Node) -> Ref:
    """The earlier node with the same operation and arguments, or this one."""
    for i, other in enumerate(new.nodes):
        if other.operation is node.operation and key(*other.arguments) == key(*node.arguments):
            return Ref(i)
    return new.keep(node)

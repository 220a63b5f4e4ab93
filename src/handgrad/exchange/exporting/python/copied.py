"""Source of handgrad's functions for exported files, without annotations."""

import ast
import inspect
import textwrap
from collections.abc import Callable


class _WithoutTypes(ast.NodeTransformer):
    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        for argument in (*node.args.args, *node.args.kwonlyargs):
            argument.annotation = None
        self.generic_visit(node)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        return node if node.value is None else ast.Assign([node.target], node.value)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """list[str]() as list()."""
        self.generic_visit(node)
        if isinstance(node.func, ast.Subscript):
            node.func = node.func.value
        return node


def copied(function: Callable[..., object]) -> str:
    """Source of a function without type annotations.

    >>> def twice(x: float) -> float:
    ...     return 2 * x
    >>> from handgrad.textbook.special_functions import log2
    >>> print(copied(log2).split("\\n")[0])
    def log2(x):
    """
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    return ast.unparse(ast.fix_missing_locations(_WithoutTypes().visit(tree)))


def calls_of(function: Callable[..., object]) -> set[str]:
    """Names that a function calls."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {call.id for call in calls if isinstance(call, ast.Name)}

"""How many parameters say `Any`, by package: `python -m tests.house.any_count`."""

import ast
import re
from collections import Counter
from pathlib import Path

import handgrad

ROOT = Path(handgrad.__file__).parent


def parameters_in(tree: ast.AST) -> list[ast.expr]:
    """The annotation of each parameter of each function, of `*args` and `**kwargs` too."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            a = node.args
            for one in (*a.posonlyargs, *a.args, *a.kwonlyargs, a.vararg, a.kwarg):
                if one is not None and one.annotation is not None:
                    found.append(one.annotation)
    return found


def says_any(annotation: ast.expr) -> bool:
    """Whether an annotation is `Any` or contains it, in quotes too."""
    return re.search(r"\bAny\b", ast.unparse(annotation)) is not None


def counts(root: Path = ROOT) -> dict[str, tuple[int, int]]:
    """By package: how many annotated parameters say `Any`, and how many there are."""
    those, all_of_them = Counter[str](), Counter[str]()
    for path in sorted(root.rglob("*.py")):
        package = path.relative_to(root).parts[0].removesuffix(".py")
        annotations = parameters_in(ast.parse(path.read_text("utf-8")))
        all_of_them[package] += len(annotations)
        those[package] += sum(map(says_any, annotations))
    return {package: (those[package], all_of_them[package]) for package in all_of_them}


if __name__ == "__main__":
    found = counts()
    for package, (those, n) in sorted(found.items(), key=lambda pair: -pair[1][0]):
        print(f"{those:5} of {n:5}  {package}")
    print("{:5} of {:5}  in all".format(*map(sum, zip(*found.values(), strict=True))))

"""Scopes: the declarations of a program's variables, in languages with block scope."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from handgrad.engines.loops.ir import Call, Expression, For, Let, Load, Statement, Var
from handgrad.engines.portable.functions import expressions

# The path of a statement: its loop's path, then its index in that loop.
Path = tuple[int, ...]


@dataclass
class Scopes:
    """The declarations of variables, by the paths of statements.

    `declares` has the `Let` statements that declare their variable: True if it is constant.
    `before` has the variables that are declared, without a value, before a statement.
    """

    declares: dict[Path, bool] = field(default_factory=dict)
    before: dict[Path, list[Var]] = field(default_factory=dict)


@dataclass
class _Uses:
    """The paths at which a variable is used, and assigned, in the order of the text."""

    variable: Var
    paths: list[Path] = field(default_factory=list)
    lets: list[Path] = field(default_factory=list)


def scopes_of(body: Sequence[Statement]) -> Scopes:
    """Declare each variable in the innermost block that has all of its uses."""
    scopes, uses = Scopes(), dict[str, _Uses]()
    for _, statement in placed(body):
        if isinstance(statement, Let):
            uses.setdefault(statement.name, _Uses(Var(statement.name, statement.value.type)))
    for path, statement in placed(body):
        for expression in expressions(statement):
            for name in variables(expression):
                if name in uses:
                    uses[name].paths.append(path)
        if isinstance(statement, Let):
            uses[statement.name].paths.append(path)
            uses[statement.name].lets.append(path)
    for use in uses.values():
        block = _common([path[:-1] for path in use.paths])
        first = use.paths[0]
        if first == use.lets[0] and first[:-1] == block:
            scopes.declares[first] = len(use.lets) == 1
        else:
            scopes.before.setdefault(first[: len(block) + 1], []).append(use.variable)
    return scopes


def _common(blocks: Sequence[Path]) -> Path:
    """The innermost block that contains all of these."""
    first, last = min(blocks), max(blocks)
    same = [a == b for a, b in zip(first, last, strict=False)]
    return first[: same.index(False) if False in same else len(same)]


def placed(body: Sequence[Statement], around: Path = ()) -> Iterator[tuple[Path, Statement]]:
    """All statements with their paths, in the order of the text."""
    for i, statement in enumerate(body):
        yield (*around, i), statement
        if isinstance(statement, For):
            yield from placed(statement.body, (*around, i))


def variables(expression: Expression) -> Iterator[str]:
    """The names of the variables that an expression reads."""
    match expression:
        case Var(name, _):
            yield name
        case Load(_, index, _):
            yield from variables(index)
        case Call(_, arguments, _):
            for argument in arguments:
                yield from variables(argument)

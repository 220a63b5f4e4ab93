"""Where the variables of a program are declared, in a language whose blocks have variables."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from handgrad.engines.loops.ir import Call, Expression, For, Let, Load, Statement, Var
from handgrad.engines.portable.functions import expressions

# Where a statement stands: its place among those of its loop, after that of the loop, and so on.
Path = tuple[int, ...]


@dataclass
class Scopes:
    """Which `Let` declares its variable, and what else is declared before a statement.

    `declares`: whether a variable that is declared there is never changed. `before`: those that
    have no value yet.
    """

    declares: dict[Path, bool] = field(default_factory=dict)
    before: dict[Path, list[Var]] = field(default_factory=dict)


@dataclass
class _Met:
    """Where a variable is read, and where it is given a value, in the order of the text."""

    variable: Var
    paths: list[Path] = field(default_factory=list)
    lets: list[Path] = field(default_factory=list)


def scopes_of(body: Sequence[Statement]) -> Scopes:
    """Each variable is declared in the innermost block that has all of its uses."""
    scopes, met = Scopes(), dict[str, _Met]()
    for _, statement in placed(body):
        if isinstance(statement, Let):
            met.setdefault(statement.name, _Met(Var(statement.name, statement.value.type)))
    for path, statement in placed(body):
        for expression in expressions(statement):
            for name in variables(expression):
                if name in met:
                    met[name].paths.append(path)
        if isinstance(statement, Let):
            met[statement.name].paths.append(path)
            met[statement.name].lets.append(path)
    for found in met.values():
        block = _common([path[:-1] for path in found.paths])
        first = found.paths[0]
        if first == found.lets[0] and first[:-1] == block:
            scopes.declares[first] = len(found.lets) == 1
        else:
            scopes.before.setdefault(first[: len(block) + 1], []).append(found.variable)
    return scopes


def _common(blocks: Sequence[Path]) -> Path:
    """The innermost block that all of these are in."""
    first, last = min(blocks), max(blocks)
    same = [a == b for a, b in zip(first, last, strict=False)]
    return first[: same.index(False) if False in same else len(same)]


def placed(body: Sequence[Statement], around: Path = ()) -> Iterator[tuple[Path, Statement]]:
    """All statements and where they stand, in the order of the text."""
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

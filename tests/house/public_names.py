"""The public names and their parameters beside those that programs rely on since a release.

    python -m tests.house.public_names    # adds what is new to public_names.json

Nothing is taken from the file but by hand, when the old name or parameter has warned for as long
as docs/api.md promises.
"""

import inspect
import json
from collections.abc import Iterator, Mapping
from inspect import Parameter, Signature
from pathlib import Path
from types import ModuleType

import handgrad

STORED = Path(__file__).with_name("public_names.json")
BY_KEYWORD = (Parameter.KEYWORD_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
BY_PLACE = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
THE_REST = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)

Signatures = Mapping[str, str | None]


def public_names(module: ModuleType = handgrad, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Each public name with its object: namespaces, and what is in them."""
    for name in module.__all__:
        found = getattr(module, name)
        yield prefix + name, found
        if inspect.ismodule(found):
            yield from public_names(found, f"{prefix}{name}.")


def methods(kind: type) -> list[str]:
    """The public methods of a class, of handgrad's own: scikit-learn adds others to estimators."""
    names = {name for base in kind.__mro__ for name in vars(base) if not name.startswith("_")}
    return sorted(
        name
        for name in names
        if getattr(getattr(kind, name), "__module__", "").partition(".")[0] == "handgrad"
        and parameters(getattr(kind, name)) is not None
    )


def parameters(found: object) -> str | None:
    """The parameters of what can be called, `...` for each default; None of all else."""
    if not (inspect.isclass(found) or (inspect.isroutine(found) and callable(found))):
        return None
    try:
        signature = inspect.signature(found)
    except ValueError:  # of a class written in C
        return None
    plain = [
        one.replace(
            annotation=Parameter.empty,
            default=Parameter.empty if one.default is Parameter.empty else ...,
        )
        for one in signature.parameters.values()
    ]
    return str(Signature(plain)).removeprefix("(").removesuffix(")").replace("Ellipsis", "...")


def current() -> dict[str, str | None]:
    """The parameters by the public names, of the package as it is."""
    names = dict(public_names())
    for name, kind in [*names.items()]:
        if inspect.isclass(kind):
            names |= {f"{name}.{method}": getattr(kind, method) for method in methods(kind)}
    return {name: parameters(found) for name, found in names.items()}


def worth_storing() -> dict[str, str | None]:
    """The current names without methods that a public base class has with the same parameters."""
    names, classes = current(), dict[type, str]()
    for name, found in public_names():
        if inspect.isclass(found):
            classes.setdefault(found, name)
    for name, found in public_names():
        if inspect.isclass(found):
            others = [classes[base] for base in found.__mro__ if base in classes]
            for method in methods(found):
                text = names[f"{name}.{method}"]
                if any(names.get(f"{o}.{method}") == text for o in others if o != name):
                    del names[f"{name}.{method}"]
    return names


def stored() -> dict[str, str | None]:
    """The same, as programs rely on it."""
    names: dict[str, str | None] = json.loads(STORED.read_text("utf-8"))
    return names


def signature_of(text: str) -> Signature:
    """The signature that is written so."""
    return inspect.signature(eval(f"lambda {text}: None"))


def broken(old: str, new: str) -> list[str]:
    """Why a call that the old parameters allow would fail, or mean something else, by the new."""
    before, after = signature_of(old).parameters, signature_of(new).parameters
    places = [name for name, one in after.items() if one.kind in BY_PLACE]
    found = []
    for place, (name, was) in enumerate(before.items()):
        now = after.get(name)
        if now is None or (was.kind in THE_REST and now.kind != was.kind):
            found.append(f"{name} is gone")
        elif was.kind in BY_PLACE and places[place : place + 1] != [name]:
            found.append(f"{name} is no longer parameter {place + 1}")
        elif was.kind in BY_KEYWORD and now.kind not in BY_KEYWORD:
            found.append(f"{name} is no longer a keyword")
        elif was.default is ... and now.default is Parameter.empty:
            found.append(f"{name} has no default any more")
    needed = (name for name, one in after.items() if _is_needed(one) and name not in before)
    return [*found, *(f"{name} is new, without a default" for name in needed)]


def _is_needed(parameter: Parameter) -> bool:
    return parameter.default is Parameter.empty and parameter.kind not in THE_REST


def problems(old: Signatures, new: Signatures) -> list[str]:
    """Stored names and parameters that the package lacks."""
    found = []
    for name, was in old.items():
        now = new.get(name)
        if name not in new:
            found.append(f"{name} is gone")
        elif was is not None and now is None:
            found.append(f"{name} can no longer be called")
        elif was is not None and now is not None:
            found += [f"{name}: {what}" for what in broken(was, now)]
    return found


def add_new() -> None:
    """Add to the stored names what is new; refused while one of them is broken."""
    old = stored() if STORED.exists() else {}
    if found := problems(old, current()):
        raise SystemExit("\n".join(found))
    names = old | worth_storing()
    lines = (f"{json.dumps(name)}: {json.dumps(text)}" for name, text in sorted(names.items()))
    STORED.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8", newline="\n")


if __name__ == "__main__":
    add_new()

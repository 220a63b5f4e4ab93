"""Base class of layers, losses and optimizers: recorded arguments, copies, messages."""

import inspect
import types
from collections.abc import Mapping
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

from handgrad.textbook.aliases import misused, signature_of_class
from handgrad.textbook.errors import NotYetComputedError, SettingError
from handgrad.textbook.language import DEFAULTS

Array = npt.NDArray[Any]

# Attributes that contain no module: twins share them.
MADE = {"_made_with", "_made_of", "output_kind"}
# Types of attributes that twins share without a search for modules in them.
SHARED = {bool, int, float, str, type(None), np.ndarray, *map(type, map(np.dtype, "fd"))}


class ModuleMeta(type):
    """Records the arguments of each module, to show, copy and save it.

    `__new__` could neither pass the defaults of `hg.defaults` on nor see what `__init__` set, and
    wrapping `__init__` for each subclass would miss those that `@dataclass` adds later.
    """

    def __call__(cls, *args: object, **kwargs: object) -> Any:
        kwargs = _defaults_of(cls) | kwargs
        try:
            module = super().__call__(*args, **kwargs)
        except TypeError:
            if misuse := misused(cls, args, kwargs):
                raise misuse from None
            raise
        except MemoryError as error:
            shown = [*map(repr, args), *(f"{name}={value!r}" for name, value in kwargs.items())]
            raise SettingError(
                f"{cls.__name__}({', '.join(shown)}): {error or 'too many numbers'}",
                "arrays that fit into memory",
                "smaller sizes",
            ) from error
        kwargs.pop("rng", None)
        module.__dict__["_made_with"] = (args, kwargs)
        module.__dict__["_made_of"] = tuple(n for n, v in vars(module).items() if v is not None)
        return module

    @property
    def __signature__(cls) -> inspect.Signature:
        """Signature of the class's `__init__`, for help and editors."""
        return signature_of_class(cls)


class Module(metaclass=ModuleMeta):
    """Base class of layers, losses and optimizers.

    Copies and pickles contain the attributes set by `__init__`, without the arrays that `forward`
    stores for `backward`.
    """

    param_names: tuple[str, ...] = ()
    state_names: tuple[str, ...] = ()
    names_elsewhere: Mapping[str, str] = {}
    # Recorded when it is constructed: the arguments, and the names of the attributes set.
    _made_with: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})
    _made_of: tuple[str, ...] = ()

    def __init_subclass__(cls) -> None:
        for names in ("param_names", "state_names"):
            if isinstance(one := getattr(cls, names), str):
                raise SettingError(
                    f"{names} = {one!r}, a string",
                    "a tuple of names",
                    f"{names} = ({one!r},), with the comma",
                    cls.__name__,
                )

    def __getattr__(self, name: str) -> Any:
        raise _missing(self, name)

    def __getstate__(self) -> dict[str, Any]:
        names = {*self._made_of, *self.param_names, *self.state_names}
        gradients = {"d" + name for name in self.param_names}
        return {
            name: value
            for name, value in vars(self).copy().items()  # another thread may add attributes
            if name not in gradients and (name in names or not _of_arrays(value))
        }

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)

    def __repr__(self) -> str:
        args, kwargs = self._made_with
        shown = [_short(a) for a in args] + [f"{k}={_short(v)}" for k, v in kwargs.items()]
        return f"{type(self).__name__}({', '.join(shown)})"


def _of_arrays(value: object) -> bool:
    """Return whether a value is an array or NumPy number, or a list or tuple with one."""
    if isinstance(value, list | tuple):
        return any(map(_of_arrays, value))
    return isinstance(value, np.ndarray | np.generic)


def _missing(module: Module, name: str) -> AttributeError:
    """The error for an attribute that `forward` or `backward` should have set."""
    if name.startswith("_"):
        return AttributeError(f"{type(module).__name__!r} object has no attribute {name!r}")
    came = f"{module!r} has no attribute {name!r}"
    expected = "an attribute set in __init__, or by forward before backward reads it"
    hint = "call forward before backward; otherwise check the spelling"
    if name in module.names_elsewhere:
        expected, hint = "the name that handgrad has for it", module.names_elsewhere[name]
    elif name == "rng":
        came = f"{module!r} draws random numbers but has no generator"
        expected = "rng set before forward"
        hint = "net.seed(0), layer.rng = np.random.default_rng(0), or train(..., rng=0)"
    elif name.startswith("d") and name[1:] in module.param_names:
        came = f"{module!r} has no gradient {name!r} yet"
        expected = f"a call of backward before, which sets self.{name}"
        hint = "p = net.forward(x); loss.forward(p, y); net.backward(loss.backward())"
    return NotYetComputedError(came, expected, hint)


def arguments_of(module: Module) -> dict[str, Any]:
    """Return the constructor's arguments by name, as passed or by default."""
    args, kwargs = module._made_with
    bound = inspect.signature(type(module)).bind_partial(*args, **kwargs)
    bound.apply_defaults()
    return bound.arguments


P = TypeVar("P", bound=Module)


def twin_of(module: P) -> P:
    """Return a twin: a copy that shares the arrays and settings, but not what it computes.

    Modules within it, alone or in lists, tuples and dicts, are replaced by twins too.
    """
    twin: Any = _twin(module, {})
    return cast(P, twin)


def _twin(module: Module, twins: dict[int, Module]) -> Module:
    if id(module) in twins:
        return twins[id(module)]
    twin: Module = object.__new__(type(module))
    twins[id(module)] = twin
    attributes = twin.__dict__
    attributes.update(vars(module))
    for name, value in attributes.items():
        if type(value) not in SHARED and name not in MADE:
            attributes[name] = _with_twins(value, twins)
    return twin


def _with_twins(value: object, twins: dict[int, Module]) -> object:
    if isinstance(value, Module):
        return _twin(value, twins)
    if type(value) is dict:
        return {name: _with_twins(part, twins) for name, part in value.items()}
    if type(value) is list:
        return [_with_twins(part, twins) for part in value]
    if type(value) is tuple:
        return tuple(_with_twins(part, twins) for part in value)
    owner = getattr(value, "__self__", None) if callable(value) else None
    if isinstance(owner, Module):  # a method of a module
        function: types.FunctionType | None = getattr(value, "__func__", None)
        return value if function is None else function.__get__(_twin(owner, twins))
    return value


def _defaults_of(kind: type[object]) -> dict[str, object]:
    """The settings of `hg.defaults` for a class; a dtype that is None by default stays None."""
    if not DEFAULTS:
        return {}
    keywords = getattr(kind.__init__, "__kwdefaults__", None) or {}
    return {
        name: value
        for name, value in DEFAULTS.items()
        if name in keywords and (name == "rng" or keywords[name] is not None)
    }


def _short(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"array{value.shape}"
    return getattr(value, "__name__", None) or repr(value)

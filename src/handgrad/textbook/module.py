"""Base of layers, losses and optimizers: it knows how it was made, and copies without litter."""

import inspect
import types
from collections.abc import Mapping
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

from handgrad.textbook.aliases import misused, signature_of_class
from handgrad.textbook.errors import NotYetComputedError, SettingError

Array = npt.NDArray[Any]

# What hg.defaults has said: rng and dtype for pages that take them, language for pictures.
GIVEN: dict[str, object] = {}
# Attributes that no page lies in: a twin shares them.
MADE = {"_made_with", "_made_of", "output_kind"}
# What most attributes are, of which a twin needs none of its own.
SHARED = {bool, int, float, str, type(None), np.ndarray, *map(type, map(np.dtype, "fd"))}


class ModuleMeta(type):
    """Remembers how each page was made, so that it can be shown, copied and saved."""

    def __call__(cls, *args: object, **kwargs: object) -> Any:
        kwargs = _given(cls) | kwargs
        try:
            page = super().__call__(*args, **kwargs)
        except TypeError:
            if misuse := misused(cls, args, kwargs):
                raise misuse from None
            raise
        except MemoryError as error:
            said = [*map(repr, args), *(f"{name}={value!r}" for name, value in kwargs.items())]
            raise SettingError(
                f"{cls.__name__}({', '.join(said)}): {error or 'too many numbers'}",
                "sizes for which there is memory",
                "smaller sizes",
            ) from error
        kwargs.pop("rng", None)
        page.__dict__["_made_with"] = (args, kwargs)
        page.__dict__["_made_of"] = tuple(n for n, v in vars(page).items() if v is not None)
        return page

    @property
    def __signature__(cls) -> inspect.Signature:
        """The arguments that the page's own `__init__` takes, as help and editors show them."""
        return signature_of_class(cls)


class Module(metaclass=ModuleMeta):
    """The base of layers, losses and optimizers.

    Copies and pickles keep what the page was made of, and leave behind the arrays that
    `forward` and `backward` put down for each other.
    """

    param_names: tuple[str, ...] = ()
    state_names: tuple[str, ...] = ()
    names_elsewhere: Mapping[str, str] = {}

    def __init_subclass__(cls) -> None:
        for names in ("param_names", "state_names"):
            if isinstance(one := getattr(cls, names), str):
                raise SettingError(
                    f"{names} = {one!r}, a text",
                    "a tuple of names",
                    f"{names} = ({one!r},), with the comma",
                    cls.__name__,
                )

    def __getattr__(self, name: str) -> Any:
        raise _missing(self, name)

    def __getstate__(self) -> dict[str, Any]:
        kept = {*self._made_of, *self.param_names, *self.state_names}
        gradients = {"d" + name for name in self.param_names}
        return {
            name: value
            for name, value in vars(self).copy().items()  # which another thread may add to
            if name not in gradients and (name in kept or not _of_arrays(value))
        }

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)

    def __repr__(self) -> str:
        args, kwargs = self.__dict__.get("_made_with", ((), {}))
        shown = [_short(a) for a in args] + [f"{k}={_short(v)}" for k, v in kwargs.items()]
        return f"{type(self).__name__}({', '.join(shown)})"


def _of_arrays(value: object) -> bool:
    """Whether it is an array or a number of NumPy's, or a list or tuple with one in it."""
    if isinstance(value, list | tuple):
        return any(map(_of_arrays, value))
    return isinstance(value, np.ndarray | np.generic)


def _missing(page: Module, name: str) -> AttributeError:
    """The error for an attribute that `forward` or `backward` should have left behind."""
    if name.startswith("_"):
        return AttributeError(f"{type(page).__name__!r} object has no attribute {name!r}")
    came = f"{page!r} has no attribute {name!r}"
    expected = "an attribute set in __init__, or by forward before backward reads it"
    hint = "call forward before backward; otherwise check the spelling"
    if name in page.names_elsewhere:
        expected, hint = "what handgrad has in its place", page.names_elsewhere[name]
    elif name == "rng":
        came = f"{page!r} draws random numbers but has no random stream"
        expected = "a stream set before forward"
        hint = "net.seed(0), or layer.rng = np.random.default_rng(0); train(..., rng=0) does it too"
    elif name.startswith("d") and name[1:] in page.param_names:
        came = f"{page!r} has no gradient {name!r} yet"
        expected = f"backward to run before the gradient is used, and to set self.{name} each time"
        hint = "p = net.forward(x); loss.forward(p, y); net.backward(loss.backward())"
    return NotYetComputedError(came, expected, hint)


P = TypeVar("P", bound=Module)


def twin_of(page: P) -> P:
    """A page of the same arrays and settings that keeps what it computes to itself.

    So do the pages within it, alone or in lists, tuples and dicts, of which it has its own.
    """
    twin: Any = _twin(page, {})
    return cast(P, twin)


def _twin(page: Module, known: dict[int, Module]) -> Module:
    if id(page) in known:
        return known[id(page)]
    twin: Module = object.__new__(type(page))
    known[id(page)] = twin
    own = twin.__dict__
    own.update(vars(page))
    for name, value in own.items():
        if type(value) not in SHARED and name not in MADE:
            own[name] = _own(value, known)
    return twin


def _own(value: object, known: dict[int, Module]) -> object:
    if isinstance(value, Module):
        return _twin(value, known)
    if type(value) is dict:
        return {name: _own(part, known) for name, part in value.items()}
    if type(value) is list:
        return [_own(part, known) for part in value]
    if type(value) is tuple:
        return tuple(_own(part, known) for part in value)
    if isinstance(of := getattr(value, "__self__", None), Module):  # a method of a page
        function: types.FunctionType | None = getattr(value, "__func__", None)
        return value if function is None else function.__get__(_twin(of, known))
    return value


def _given(kind: type[object]) -> dict[str, object]:
    """The defaults of `hg.defaults` that pages of this kind take; no dtype is a choice too."""
    if not GIVEN:
        return {}
    takes = getattr(kind.__init__, "__kwdefaults__", None) or {}
    return {
        name: value
        for name, value in GIVEN.items()
        if name in takes and (name == "rng" or takes[name] is not None)
    }


def _short(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"array{value.shape}"
    return getattr(value, "__name__", None) or repr(value)

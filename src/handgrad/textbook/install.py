"""Installation command of handgrad, for messages and documents, and checks for extras.

Until a package index has handgrad, `pip install handgrad` would install nothing, or the package of
a stranger: handgrad is installed from the folder of the repository. `PUBLISHED` is the switch;
`python -m docs.installation` then writes the documents anew.
"""

from collections.abc import Sequence
from importlib.util import find_spec

from handgrad.textbook.errors import SettingError
from handgrad.textbook.version import NAME

PUBLISHED = False

_COMMAND = "python -m pip install"


class MissingPackageError(SettingError, ImportError):
    """A package is not installed that an extra of handgrad brings."""


def install_command(*extras: str, published: bool = PUBLISHED) -> str:
    """Return the command that installs handgrad with extras.

    Unless `published`, it is for the folder of the repository.

    >>> install_command(published=False), install_command("onnx", "keras", published=False)
    ('python -m pip install .', 'python -m pip install ".[onnx,keras]"')
    >>> install_command("onnx", published=True)
    'python -m pip install "handgrad[onnx]"'
    """
    package = NAME if published else "."
    # in double quotes, which the shells of Windows take, too
    return f'{_COMMAND} "{package}[{",".join(extras)}]"' if extras else f"{_COMMAND} {package}"


def install_hint(*extras: str, published: bool = PUBLISHED) -> str:
    """Return the hint of an error for missing packages of extras.

    >>> print(install_hint("onnx", published=False))
    python -m pip install ".[onnx]" in the folder of handgrad's repository
    """
    where = "" if published else " in the folder of handgrad's repository"
    return f"{install_command(*extras, published=published)}{where}"


def installed(*packages: str) -> bool:
    """Return True if all packages, by the names they are imported by, are installed."""
    return all(find_spec(package) is not None for package in packages)


def require(what: str, otherwise: str = "", **extras: Sequence[str]) -> None:
    """Raise an error if packages of extras are missing: `plots=["matplotlib"]`.

    The error says that `what` needs them; `otherwise` is the alternative to an installation.
    """
    missing = {
        extra: absent
        for extra, packages in extras.items()
        if (absent := [package for package in packages if not installed(package)])
    }
    if missing:
        *names, last = dict.fromkeys(name for absent in missing.values() for name in absent)
        listed = f"{', '.join(names)} and {last}" if names else last
        raise MissingPackageError(
            f"{what} without {listed}, not installed here",
            " and ".join(f"the extra [{extra}]" for extra in missing),
            install_hint(*missing) + (f"; or {otherwise}" if otherwise else ""),
        )

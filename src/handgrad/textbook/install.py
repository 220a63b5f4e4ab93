"""Installation command of handgrad, for messages and documents.

The package index has no package `handgrad`: `pip install handgrad` would install nothing, or the
package of a stranger. handgrad is installed from the folder of the repository.
"""

_COMMAND = "python -m pip install"


def install_command(*extras: str) -> str:
    """Return the command that installs handgrad with extras, in the folder of the repository.

    >>> install_command(), install_command("onnx", "keras")
    ('python -m pip install .', "python -m pip install '.[onnx,keras]'")
    """
    return f"{_COMMAND} '.[{','.join(extras)}]'" if extras else f"{_COMMAND} ."


def install_hint(extra: str) -> str:
    """Return the hint of an error for missing packages of an extra."""
    return f"{install_command(extra)} in the folder of handgrad's repository"

"""How handgrad is installed: the one command that messages print and documents show.

The package index does not hold the name `handgrad`, so a line with that name would install nothing,
or a stranger's package. What works is the folder of the repository.
"""

_COMMAND = "python -m pip install"


def install_command(*extras: str) -> str:
    """The command that installs handgrad with extras, to be run in the folder of the repository.

    >>> install_command(), install_command("onnx", "keras")
    ('python -m pip install .', "python -m pip install '.[onnx,keras]'")
    """
    return f"{_COMMAND} '.[{','.join(extras)}]'" if extras else f"{_COMMAND} ."


def install_hint(extra: str) -> str:
    """What to try where the packages of an extra are missing."""
    return f"{install_command(extra)} in the folder of handgrad's repository"

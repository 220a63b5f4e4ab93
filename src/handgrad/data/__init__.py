"""Data sets, files and splits."""

from handgrad.data.csv import read_csv
from handgrad.data.datasets import BUNDLED, Dataset, load, make_classification
from handgrad.data.split import train_test_split

__all__ = ["BUNDLED", "Dataset", "load", "make_classification", "read_csv", "train_test_split"]

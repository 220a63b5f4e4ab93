"""The usual settings make a good net of a table, whatever the seed."""

from pathlib import Path

from handgrad.cli.job import read, train
from handgrad.cli.settings import Settings
from tests.cli.run import breast_cancer_csv


def test_the_usual_settings_tell_tumours_apart_over_ten_seeds(tmp_path: Path) -> None:
    path = str(breast_cancer_csv(tmp_path))
    dataset = read(Settings(path, "diagnosis"))
    accuracies = [
        train(Settings(path, "diagnosis", seed=seed), dataset).validation.metrics["accuracy"]
        for seed in range(10)
    ]
    assert sum(accuracies) / 10 >= 0.965
    assert min(accuracies) >= 0.93

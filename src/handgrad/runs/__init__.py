"""Runs: from a table to a folder with a model, its scores, its report and its record."""

from handgrad.data.table_options import on_the_command_line
from handgrad.runs.messages import Messages, as_json
from handgrad.runs.partial_run import whole_folder
from handgrad.runs.run import RECORD, Run, report_run
from handgrad.runs.scores import ClassScores, Scores, notes_on_few_rows
from handgrad.runs.settings import RunSettings
from handgrad.runs.table_model import Evaluation, TableModel, evaluate_table
from handgrad.runs.train import train_table, train_with
from handgrad.runs.training_table import TrainingTable

__all__ = [
    "RECORD",
    "ClassScores",
    "Evaluation",
    "Messages",
    "Run",
    "RunSettings",
    "Scores",
    "TableModel",
    "TrainingTable",
    "as_json",
    "evaluate_table",
    "notes_on_few_rows",
    "on_the_command_line",
    "report_run",
    "train_table",
    "train_with",
    "whole_folder",
]

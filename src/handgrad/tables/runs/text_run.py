"""Training runs on texts: a language model, its scores and its report."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.engines.dispatch import resolve_engine
from handgrad.files import load
from handgrad.files.byte_pairs import codes_of
from handgrad.files.paths import write_whole
from handgrad.tables.data.table_options import option
from handgrad.tables.reporting.checks import check_epochs
from handgrad.tables.runs.finished_run import HISTORY, REPORT, Run
from handgrad.tables.runs.job import Job
from handgrad.tables.runs.load_text import TextSplit
from handgrad.tables.runs.messages import Messages
from handgrad.tables.runs.models import notes_on_stop
from handgrad.tables.runs.n_grams import n_gram
from handgrad.tables.runs.record import MODEL
from handgrad.tables.runs.settings import RunSettings
from handgrad.textbook.errors import DataError
from handgrad.training import History

if TYPE_CHECKING:
    from handgrad.tables.estimators import LanguageModel

HELD_OUT = "held_out.txt"
TARGET = "next character"
MOST_JUDGED = 100_000  # characters of the training text that are scored


class TextJob(Job):
    """Training run on a text."""

    def __init__(self, settings: RunSettings, messages: Messages) -> None:
        super().__init__(settings, messages)
        self.text = TextSplit.of(settings)
        self.name, self.files = self.text.name, self.text.files

    def show_data(self) -> None:
        """Report the data that was loaded."""
        self.messages.text_loaded(self.text)

    def train(self) -> Run:
        """Train and evaluate; all parts of the run are done afterwards."""
        text, parts = self.text, self.parts
        if MODEL not in parts.parts:
            self.messages.progress(f"training on {len(text.learned):,} characters")
            with self.messages.warnings_as_notes():
                model = self._new_model()
                self._fit(model)
                self._keep(model)
        path = self.trained
        model, history = load(path), History.from_json(path.parent / HISTORY)
        learned = text.learned[-MOST_JUDGED:]
        unknown, notes = model.unknown(text.held_out), notes_on_stop(history)
        if unknown:
            notes.append(note_on_unknown(unknown))
            self.messages.note(*notes)
        sizes = {"training": len(text.learned), "held_out": len(text.held_out)}
        results = {
            "target": {"name": TARGET, "task": "text"},
            "columns": vocabulary_in_words(model),
            "notes": notes,
            "epochs_chosen_by": "loss",
            "rows": sizes,
            "split": {"by": "end", "column": None, "words": text.held_out_in_words},
            "judged": {"training": len(learned) - 1, "held_out": len(text.held_out) - 1},
            "epochs": len(history),
            "scores": {"training": scores_of(model, learned), **scores_beside(model, text)},
            "classes": [],
        }
        run = self.run_of(results, {"characters": sum(sizes.values())})
        listed = check_epochs(history, [model.best_epoch_])
        run.record["findings"] = [vars(finding) for finding in listed.findings]
        run.record["checks"] = [vars(check) for check in listed.checks]
        if self.settings.report:
            self.messages.progress("writing the report")
            parts.file(REPORT, partial(write_text_report, run, text, model, history))
        parts.file(HELD_OUT, partial(write_whole, write=lambda file: file.write(text.held_out)))
        self.finish(run)
        return run

    def _keep(self, model: LanguageModel) -> None:
        about = {"data": self.text.name, "target": TARGET, "task": "text"}
        self.keep(model.set_params(progress=False), model.history_ or History(), about)

    def _new_model(self) -> LanguageModel:
        from handgrad.tables.estimators import LanguageModel

        settings = self.settings
        options: dict[str, Any] = {
            "epochs": settings.epochs,
            "batch_size": settings.batch_size,
            "learning_rate": settings.learning_rate,
            "tokens": settings.tokens,
        }
        return LanguageModel(
            random_state=settings.seed,
            engine=resolve_engine(settings.engine),
            progress=self.messages.shows_progress,
            **{name: value for name, value in options.items() if value is not None},
        )

    def _fit(self, model: LanguageModel) -> None:
        """Fit the model; its errors name the file."""
        try:
            model.fit(self.text.learned, checkpoints=self.parts.checkpoints("model"))
        except DataError as error:
            error.where = self.settings.data
            error.hint += f"; {option('target')}, if it is a table"
            raise


def vocabulary_in_words(model: LanguageModel) -> dict[str, str]:
    """Number of characters and sub-words of a language model, in words."""
    words = {"characters": f"vocabulary of {len(model.vocabulary_) - 1}"}
    if merges := model.pairs_.merges:
        words["sub-words"] = f"{len(merges)}, by byte-pair encoding"
    return words


def scores_beside(model: LanguageModel, text: TextSplit) -> dict[str, dict[str, float]]:
    """Scores on the held-out text of a language model and of its baselines, by name."""
    return {
        "held_out": scores_of(model, text.held_out),
        "n_gram": counted(model, text),
        **compressed(text),
        "guessing": guessed(model, text.held_out),
    }


def scores_of(model: LanguageModel, text: str) -> dict[str, float]:
    """Loss, bits per character, perplexity and accuracy of a language model on a text."""
    surprisal, correct = model.judge(text)
    return {**_scores(float(surprisal.mean())), "accuracy": float(correct.mean())}


def guessed(model: LanguageModel, text: str) -> dict[str, float]:
    """The same for the baseline: character frequencies of the training text."""
    codes, counts = codes_of(text, model.vocabulary_)[1:], np.asarray(model.counts_, float)
    p = (counts + 1) / (counts + 1).sum()  # add-one smoothing
    accuracy = float((codes == counts.argmax()).mean())
    return {**_scores(-float(np.log(p)[codes].mean())), "accuracy": accuracy}


def counted(model: LanguageModel, text: TextSplit) -> dict[str, float]:
    """The same for the best n-gram model of the training text, without accuracy; and its n."""
    codes, kinds = codes_of(text.learned + text.held_out, model.vocabulary_), len(model.vocabulary_)
    best = n_gram(codes, len(text.learned), kinds)
    return {"n": best.n, **_scores(best.loss)}


def compressed(text: TextSplit) -> dict[str, dict[str, float]]:
    """The same for `xz`, by what the held-out text adds to the compressed training text.

    Empty in a Python that was built without its library.
    """
    try:
        import lzma
    except ImportError:
        return {}
    learned, both = (
        len(lzma.compress(part.encode("utf-8", "surrogatepass")))
        for part in (text.learned, text.learned + text.held_out)
    )
    bits = 8 * (both - learned) / len(text.held_out)
    return {"xz": _scores(bits * float(np.log(2)))}


def _scores(loss: float) -> dict[str, float]:
    return {"loss": loss, "bits_per_character": loss / np.log(2), "perplexity": float(np.exp(loss))}


def note_on_unknown(characters: str) -> str:
    """Note on characters outside the vocabulary of a model."""
    shown = ", ".join(map(repr, characters[:10])) + ", …" * (len(characters) > 10)
    return f"out of vocabulary, fewer than 4 times in the training text: {shown}"


def write_text_report(
    run: Run, text: TextSplit, model: LanguageModel, history: History, path: Path
) -> Path:
    """Write the report of a run on a text."""
    from handgrad.tables import reporting

    scores: Mapping[str, Mapping[str, float]] = run.scores
    return reporting.write_text_report(
        model, text.held_out, scores=scores, history=history, about=run.about, to=path
    )

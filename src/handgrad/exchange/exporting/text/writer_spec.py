"""Specification of a language model for files that generate text, and samples that prove them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from handgrad.engines.portable.model import PortableModel
from handgrad.engines.portable.next_token import next_token_model, portable_read
from handgrad.exchange.exporting.portable.programs import AGAINST
from handgrad.exchange.exporting.proof import MOST, Check, compared
from handgrad.files.byte_pairs import BytePairs
from handgrad.textbook.errors import FileError
from handgrad.textbook.layers import Array
from handgrad.textbook.layers.layer import predicting_twin
from handgrad.textbook.net import Net
from handgrad.textbook.net.generation import Read, step_by_step
from handgrad.textbook.net.next_token import NextToken

LENGTH = 200  # characters of a sample
TEMPERATURE = 0.8
WORDS, SIGNS, SPACE = 0, 1, 2  # kinds of characters, which cut a text into words


@dataclass(frozen=True)
class Sample:
    """A generated text: `text` continues `start` by `LENGTH` characters."""

    start: str
    temperature: float
    seed: int
    text: str


@dataclass(frozen=True, eq=False)
class WriterSpec:
    """Specification of a language model, the input of exporters of text.

    `net` computes the logits of all tokens of `pairs`. A text without a start begins after the
    token `first`, or, if that is None, after one drawn by `weights`, one for each character but
    the unknown one. `write(read, start, length, temperature, rng)` is the model's own.
    """

    title: str
    net: Net
    context: int
    pairs: BytePairs
    first: int | None
    weights: tuple[int, ...]
    write: Callable[[Read, str, int, float, np.random.Generator], str]

    @cached_property
    def step(self) -> NextToken:
        """The net for one token at a time."""
        return NextToken(self.net, self.context)

    @cached_property
    def model(self) -> PortableModel:
        """The step as a portable program."""
        return next_token_model(self.step)

    def samples(self, read: Read) -> list[Sample]:
        """Texts by this reader: a random one, and the most likely one after its end."""
        start, samples = "", list[Sample]()
        for temperature, seed in ((TEMPERATURE, 7), (0.0, 0)):
            rng = np.random.default_rng(seed)
            text = self.write(read, start, LENGTH, temperature, rng)
            samples.append(Sample(start, temperature, seed, text))
            start = text
        return samples

    @cached_property
    def portable_samples(self) -> list[Sample]:
        """Texts by the portable engine."""
        return self.samples(portable_read(self.step))

    @cached_property
    def eager_samples(self) -> list[Sample]:
        """Texts by the layers' own code."""
        step = predicting_twin(self.step)
        return self.samples(step_by_step(step.forward, step.row(), step.n_tokens, step.n_states))

    def check_of_texts(self, ran: str, texts: list[str], samples: list[Sample], by: str) -> Check:
        """Check of the texts that a file wrote."""
        if texts != [sample.text for sample in samples]:
            raise FileError(
                f"{ran} wrote {texts!r}",
                f"the text of {by}: {[sample.text for sample in samples]!r}",
                "report it, with this model",
            )
        n = sum(len(text) for text in texts)
        return Check(ran, by, n, same_bits=True, of="character")

    def check_of_probabilities(self) -> Check:
        """Check of the step's probabilities against the net's, read at once."""
        codes = self.pairs.encode(self.portable_samples[0].text)[: self.context].tolist()
        read = portable_read(self.step)
        p = np.array([read([code], i, 1.0) for i, code in enumerate(codes)])
        with np.errstate(all="ignore"):
            z = np.asarray(self.net.predict(np.array([codes])))[0, :, 1:]
            e: Array = np.exp(z - z.max(axis=1, keepdims=True))
        e /= e.sum(axis=1, keepdims=True)
        check = compared(AGAINST, p, e, "predict", MOST[self.net.dtype.name])
        return replace(check, of="position")


def kinds_of(pairs: BytePairs) -> list[int]:
    """Kind of each character of the vocabulary."""
    return [
        WORDS if re.match(r"\w", one) else SPACE if re.match(r"\s", one) else SIGNS
        for one in pairs.vocabulary
    ]

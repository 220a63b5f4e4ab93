"""Language model of characters or sub-words: training, next-token probabilities, generation."""

import warnings
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Literal, Self, get_args

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from handgrad.engines.config import TrainingConfig
from handgrad.engines.dispatch import EngineName
from handgrad.engines.sharding import Shardable
from handgrad.exchange.exporting.text.writer_spec import WriterSpec
from handgrad.files.byte_pairs import OTHER, BytePairs, codes_of
from handgrad.files.paths import as_path
from handgrad.files.tensors import damaged, shown
from handgrad.tables.data.texts import read_text, windows_of_codes
from handgrad.tables.data.tokens import (
    check_tokens,
    is_vocabulary,
    longer,
    pairs_of,
    vocabulary_of,
)
from handgrad.tables.estimators.fit_state import CHECKPOINT_SECONDS
from handgrad.tables.tabular.random_state import generator_of
from handgrad.textbook.errors import (
    DataError,
    SettingError,
    between_0_and_1,
    described,
    did_you_mean,
    not_negative,
    positive,
)
from handgrad.textbook.layers import (
    GELU,
    GRU,
    Array,
    Embedding,
    Layer,
    LayerNorm,
    Linear,
    MultiheadAttention,
    PositionEmbedding,
)
from handgrad.textbook.layers.initializers import random_generator
from handgrad.textbook.losses import SoftmaxCrossEntropyLoss
from handgrad.textbook.net import Net, Residual
from handgrad.textbook.net.continuation import Continuation
from handgrad.textbook.net.generation import Read, drawn, generated
from handgrad.textbook.net.next_token import NextToken
from handgrad.textbook.optimizers import Adam
from handgrad.textbook.schedules import cosine, warm_up
from handgrad.training import History, Training, progress
from handgrad.training.checkpoints import Checkpoints
from handgrad.training.early_stopping import BestWeights, until_patience_ends

NetKind = Literal["transformer", "gru"]
MOST_CONTEXT = 4096
WINDOWS = 4000  # target number of training windows; they overlap in a short text
STEPS, MOST_EPOCHS = 2400, 200  # of a training, if epochs is None
AT_ONCE = 2**22  # largest number of outputs in one prediction


@dataclass(repr=False, eq=False)
class LanguageModel(Shardable, BaseEstimator):  # type: ignore[misc]
    """Language model: predicts the next character or sub-word, and generates text.

    `net="transformer"` is an `Embedding` and a `PositionEmbedding`, then `blocks` of causal
    self-attention and a perceptron with 4 `width` units, each behind a `LayerNorm` in a `Residual`;
    `net="gru"` is an `Embedding` and `blocks` layers of `GRU`. Both end in a `Linear` layer with
    one logit for each token. The tokens are the characters; with `tokens`, byte-pair encoding adds
    pieces of words, learned from the same text.

    It is trained on windows of `context` tokens: about 4,000 overlapping ones for a short text,
    adjacent ones for a long text. Adam's learning rate warms up over the first twentieth of the
    steps and then follows a cosine decay. The weights of the epoch with the lowest validation loss
    are kept.

    `vocabulary_` has the characters; the first, "\\ufffd", stands for all unknown ones, which occur
    fewer than 4 times in the text, or never. `counts_` (n_characters,) has their frequencies,
    `pairs_` encodes texts as tokens, and `pairs_.tokens` has these, the characters first; `net_` is
    the net, `history_` that of the training, None in a loaded model, and `best_epoch_`
    the epoch that was kept.

    Parameters
    ----------
    net : {"transformer", "gru"}, default "transformer"
        Architecture.
    tokens : int, optional
        Number of tokens, the characters and sub-words of byte-pair encoding, at most 4,096; if not
        given, the characters.
    context : int, default 64
        Context length in tokens.
    width : int, default 64
        Size of the embedding and of each block's output.
    blocks : int, default 2
        Number of transformer blocks, or of GRU layers.
    heads : int, default 4
        Attention heads of each block.
    epochs : int, optional
        Epochs; if not given, as many as make 2,400 steps, at most 200.
    batch_size : int, default 32
        Windows of a minibatch.
    learning_rate : float, default 0.003
        Peak learning rate of Adam.
    validation_fraction : float, default 0.05
        Fraction of the text, at its end, held out for validation.
    random_state : int, RandomState or None, default None
        Seed of the initial weights and the shuffling.
    progress : bool, default False
        Whether a progress bar is shown.
    engine : {"auto", "eager", "compiled", "portable", "jax"}, default "auto"
        Engine, as in `hg.train`.

    References
    ----------
    Radford et al., "Language models are unsupervised multitask learners", 2019 (the net);
    Sennrich, Haddow, Birch, "Neural machine translation of rare words with subword units", 2016;
    Karpathy, "The unreasonable effectiveness of recurrent neural networks", 2015 (characters).

    Examples
    --------
    >>> import handgrad as hg
    >>> verse = "one for sorrow, two for joy, three for a girl, four for a boy, " * 20
    >>> model = LanguageModel(context=16, width=16, blocks=1, heads=2, epochs=4, batch_size=8,
    ...     learning_rate=0.01, random_state=0).fit(verse)
    >>> model.vocabulary_[1:]
    ' ,abefghijlnorstuwy'
    >>> model.write("one for ", length=19, temperature=0)
    'one for sorrow, two for joy'
    """

    net: NetKind = "transformer"
    _: KW_ONLY
    tokens: int | None = None
    context: int = 64
    width: int = 64
    blocks: int = 2
    heads: int = 4
    epochs: int | None = None
    batch_size: int = 32
    learning_rate: float = 0.003
    validation_fraction: float = 0.05
    random_state: int | np.random.RandomState | None = None
    progress: bool = False
    engine: EngineName = "auto"

    def fit(
        self, text: str | Path, y: None = None, *, checkpoints: str | Path | None = None
    ) -> Self:
        """Train the model on a text.

        Training that is interrupted by Ctrl-C keeps the best of the finished epochs.

        Parameters
        ----------
        text : str or Path
            Text, or the path of a text file.
        y : None
            Ignored.
        checkpoints : path, optional
            Folder in which the state of the training is saved every few seconds, and from which it
            continues if it was stopped: with the bits of one that was not.

        Returns
        -------
        self

        Raises
        ------
        DataError
            If the text is too short, or has only one distinct character.
        SettingError
            If `checkpoints` are those of another text or of other parameters.
        """
        self._check()
        text = read_text(text) if isinstance(text, Path) else _checked(text)
        vocabulary, counts = vocabulary_of(text)
        pairs = BytePairs(vocabulary)
        if self.tokens is not None:
            check_tokens(self.tokens, vocabulary)
            pairs = BytePairs.learned(text, vocabulary, self.tokens)
        codes = pairs.encode(text)
        end = len(codes) - round(self.validation_fraction * len(codes))
        n = min(end, len(codes) - end)
        if n <= self.context:
            raise DataError(
                f"a text of {len(codes):,} {pairs.kind}, the last {len(codes) - end:,} of them for "
                f"validation, for a context of {self.context}",
                f"more {pairs.kind} than the context in both parts: "
                f"about {round((self.context + 1) / self.validation_fraction):,} in all",
                longer(text)
                + (f", or hg.LanguageModel(context={n - 1}) in Python" if n > 2 else ""),
            )
        training = self._training(codes[:end], codes[end:], len(pairs.tokens))
        history = self._run(training, checkpoints)
        self.vocabulary_, self.counts_, self.pairs_ = vocabulary, counts, pairs
        self.net_ = training.net
        self.history_: History | None = history
        self.best_epoch_ = 1 + int(np.argmin([report.validation_loss or 0.0 for report in history]))
        return self

    def _training(self, train_codes: Array, held_out: Array, n_tokens: int) -> Training:
        """Training of a new net on these codes."""
        generator = generator_of(self.random_state)
        # without overlap, a token of a short text would always be at the same position of a
        # window; an odd step shares no factor with the usual contexts
        step = min(len(train_codes) // WINDOWS | 1, self.context)
        train = windows_of_codes(train_codes, self.context, step)
        validation = windows_of_codes(held_out, self.context, self.context)
        steps = -(-len(train[0]) // self.batch_size)
        return Training(
            TrainingConfig(
                net=self._new_net(n_tokens, generator),
                data=train,
                loss=SoftmaxCrossEntropyLoss(),
                optimizer=Adam(self.learning_rate),
                epochs=self.epochs or min(-(-STEPS // steps), MOST_EPOCHS),
                batch_size=self.batch_size,
                validation=validation,
                schedule=warm_up(0.05, then=cosine(0.05)),
                rng=generator,
                engine=self.engine,
                sharding=self.sharding,
            ),
            ahead=True,
        )

    def _run(self, training: Training, folder: str | Path | None) -> History:
        """Run the training, or the rest of one with checkpoints; the net gets the best weights."""
        best, monitor = BestWeights(training.net), training.usual_monitor
        stream, history = iter(training), History()
        if folder is not None:
            seconds = CHECKPOINT_SECONDS
            kept = Checkpoints(
                training, as_path(folder), best, monitor, seconds=seconds, resume=True
            )
            stream, history.reports = kept, [*kept.history]
        reports = until_patience_ends(stream, best, monitor, training.epochs)
        if self.progress:
            reports = progress(reports, epochs=training.epochs, training=training)
        try:
            history.reports.extend(reports)
        except KeyboardInterrupt:
            if not history.reports:
                raise
            history.stopped_because = f"interrupted in epoch {len(history) + 1}"
            warnings.warn("Training interrupted by user.", stacklevel=3)
        return history

    def _new_net(self, n_tokens: int, rng: np.random.Generator) -> Net:
        d = self.width
        layers: list[Layer] = [Embedding(n_tokens, d, rng=rng)]
        if self.net == "transformer":
            layers.append(PositionEmbedding(self.context, d, rng=rng))
        for _ in range(self.blocks):
            if self.net == "gru":
                layers.append(GRU(d, d, return_sequences=True, rng=rng))
                continue
            attention = MultiheadAttention(d, self.heads, causal=True, rng=rng)
            perceptron = (Linear(d, 4 * d, rng=rng), GELU(), Linear(4 * d, d, rng=rng))
            layers.append(Residual(LayerNorm(d), attention))
            layers.append(Residual(LayerNorm(d), *perceptron))
        layers += [] if self.net == "gru" else [LayerNorm(d)]
        return Net(*layers, Linear(d, n_tokens, rng=rng))

    def _check(self) -> None:
        """Refuse invalid settings."""
        if self.net not in get_args(NetKind):
            architectures = get_args(NetKind)
            raise SettingError(
                f"net={self.net!r}",
                " or ".join(map(repr, architectures)),
                did_you_mean(self.net, architectures, "net='transformer'"),
            )
        for name in ("context", "width", "blocks", "heads", "batch_size"):
            positive(name, getattr(self, name), whole=True)
        if self.epochs is not None:
            positive("epochs", self.epochs, whole=True)
        positive("learning_rate", self.learning_rate)
        between_0_and_1("validation_fraction", self.validation_fraction)
        if self.context > MOST_CONTEXT:
            raise SettingError(
                f"context={self.context}", f"at most {MOST_CONTEXT} tokens", "context=64"
            )

    # tokens and codes

    def encode(self, text: str) -> Array:
        """Encode a text for the net as tokens, (t,) int64; 0 for unknown characters."""
        check_is_fitted(self, "vocabulary_")
        return self.pairs_.encode(_checked(text))

    def unknown(self, text: str) -> str:
        """Characters of a text that are not in the vocabulary, each once, sorted."""
        check_is_fitted(self, "vocabulary_")
        codes = codes_of(_checked(text), self.vocabulary_)
        return "".join(sorted({text[position] for position in np.flatnonzero(codes == 0)}))

    # judging

    def judge(self, text: str) -> tuple[Array, Array]:
        """Surprisal of each character of a text but the first, and whether it was predicted.

        Both are (t − 1,): −ln p in nats, and whether no token was more likely. At least half of the
        context precedes each character, as far as the text has it. Unknown characters count as one.
        The surprisal of a sub-word is divided equally among its characters; the first character of
        the text is a token by itself.
        """
        check_is_fitted(self)
        text = _checked(text)
        codes = np.append(self.encode(text[:1]), self.encode(text[1:]))
        if len(codes) < 2:
            raise DataError(f"a text of {len(codes)} characters", "two or more", "a longer text")
        t = min(self.context, len(codes) - 1)
        half = max(t // 2, 1)
        x, y = windows_of_codes(codes, t, half)
        if rest := (len(codes) - 1 - t) % half:  # the last window ends with the text
            x, y = np.vstack([x, codes[-t - 1 : -1]]), np.vstack([y, codes[-t:]])
        at_once = max(AT_ONCE // (t * len(self.pairs_.tokens)), 1)
        parts = [
            self._surprisal(x[i : i + at_once], y[i : i + at_once])
            for i in range(0, len(x), at_once)
        ]
        surprisal, expected = (np.concatenate(part) for part in zip(*parts, strict=True))
        fresh = np.zeros(x.shape, bool)
        fresh[:, t - half :] = True
        fresh[0] = True
        if rest:
            fresh[-1, : t - rest] = False
        n = self.pairs_.lengths[codes[1:]]
        return np.repeat(surprisal[fresh] / n, n), np.repeat(expected[fresh], n)

    def _surprisal(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Surprisal of each token y (n, t) after those of x, and whether it was predicted."""
        z = self._logits(x)
        highest = z.max(axis=-1)
        target = np.take_along_axis(z, y[..., None], axis=-1)[..., 0]
        surprisal = np.log(np.exp(z - highest[..., None]).sum(axis=-1)) + highest - target
        return surprisal, target == highest

    def _logits(self, x: Array) -> Array:
        """Logits for tokens x (n, t): (n, t, n_tokens); refused if not finite."""
        with np.errstate(all="ignore"):
            return _finite(self.net_.predict(x))

    def score(self, text: str, y: None = None) -> float:
        """Mean of ln p over the characters of a text, in nats: 0 at best."""
        return -float(self.judge(text)[0].mean())

    # writing

    def predict_proba(self, text: str) -> Array:
        """Probability of each token of `pairs_.tokens` to follow a text, (n_tokens,)."""
        codes = self._encode_known(text)
        if not len(codes):
            raise DataError(
                "an empty text",
                "at least one character",
                f"predict_proba({self.vocabulary_[1]!r}), for example",
            )
        return _probabilities(self._logits(codes[None, -self.context :])[0, -1], 1.0)

    def write(
        self,
        start: str = "",
        *,
        length: int = 400,
        temperature: float = 0.8,
        rng: int | np.random.Generator | None = None,
    ) -> str:
        """Generate text that continues `start`.

        Each token is sampled from the model's probabilities at `temperature`. What was read is not
        read again: keys and values of attention are cached, and the states of a GRU. When the
        context is full, its second half is read anew; at least half of the context precedes each
        token, as in `judge`. Without a start, the text begins after a line break, or, if the
        training text had none, after a sampled character.

        Parameters
        ----------
        start : str, default ""
            Prompt.
        length : int, default 400
            Characters to generate.
        temperature : float, default 0.8
            Sampling temperature; 0 is greedy.
        rng : int or Generator, optional
            Seed, or source of random numbers.

        Returns
        -------
        str
            `start`, followed by the generated characters.

        Raises
        ------
        DataError
            If `start` has a character that is not in the vocabulary.
        """
        check_is_fitted(self)
        positive("length", length, whole=True)
        not_negative("temperature", temperature)
        generator = random_generator(rng)
        return start + self._written(self._read(), start, length, temperature, generator)

    def _written(
        self, read: Read, start: str, length: int, temperature: float, rng: np.random.Generator
    ) -> str:
        """Text that continues `start`, by the probabilities that `read` gives."""
        codes = self._encode_known(start).tolist() or [self._first_code(rng)]
        following = generated(read, codes, self.context, temperature, rng)
        written = ""
        while len(written) < length:
            written += self.pairs_.tokens[next(following)]
        return written[:length]

    def _read(self) -> Read:
        """Probabilities of what follows, by the layers or the portable program."""
        if self.engine == "portable":
            from handgrad.engines.portable.next_token import portable_read

            step = portable_read(NextToken(self.net_, self.context))
            return lambda codes, position, temperature: _finite(step(codes, position, temperature))
        reader = Continuation(self.net_)

        def read(codes: Sequence[int], position: int, temperature: float) -> Array:
            if position == 0:
                reader.restart()
            with np.errstate(all="ignore"):
                z = _finite(reader.read(np.array([codes])))
            return _probabilities(z[0, -1], temperature)[1:]

        return read

    def _first_code(self, rng: np.random.Generator) -> int:
        """Code that precedes a text without a start."""
        if "\n" in self.vocabulary_:
            return self.vocabulary_.index("\n")
        return 1 + drawn(np.array(self.counts_[1:]), rng.random())

    def _exported_writer(self) -> WriterSpec:
        """Specification for exported files."""
        self._logits(np.array([[1]]))
        return WriterSpec(
            title=repr(self),
            net=self.net_,
            context=self.context,
            pairs=self.pairs_,
            first=self.vocabulary_.index("\n") if "\n" in self.vocabulary_ else None,
            weights=tuple(self.counts_[1:]),
            write=self._written,
        )

    def _encode_known(self, text: str) -> Array:
        """Codes of a text; refused if a character is unknown."""
        if unknown := self.unknown(text):
            position = min(map(text.index, unknown))
            raise DataError(
                f"the character {text[position]!r}, at position {position} of the start, from 0",
                f"the {len(self.vocabulary_) - 1} characters of the vocabulary: "
                f"{self.vocabulary_[1:]!r}",
                "remove it, or replace it",
            )
        return self.encode(text)

    # in a file, by `hg.save` and `hg.load`

    def _to_file(self) -> tuple[dict[str, object], Net]:
        fitted: dict[str, object] = {"vocabulary": self.vocabulary_, "counts": self.counts_}
        if self.pairs_.merges:
            fitted["merges"] = [[*pair] for pair in self.pairs_.merges]
        return fitted | {"best_epoch": self.best_epoch_}, self.net_

    def _from_file(self, fitted: dict[str, object], net: Net | None) -> None:
        self._check()
        if fitted.keys() - {"merges"} != {"vocabulary", "counts", "best_epoch"}:
            raise damaged(f"the keys {shown(sorted(fitted))}", "vocabulary, counts, best_epoch")
        characters, counts = fitted["vocabulary"], fitted["counts"]
        best, merges = fitted["best_epoch"], fitted.get("merges", [])
        if not isinstance(characters, str) or not is_vocabulary(characters):
            raise damaged(
                f"the vocabulary {shown(characters)}", f"{OTHER!r}, then sorted characters"
            )
        if not isinstance(counts, list) or len(counts) != len(characters):
            raise damaged(f"{shown(counts)} as counts", f"a number for each of {len(characters)}")
        if type(best) is not int or not all(type(n) is int and n >= 0 for n in [*counts, best]):
            raise damaged("counts or an epoch that are not counts", "whole numbers from 0 on")
        if not any(counts[1:]):
            raise damaged("a text without a known character", "counts above 0")
        if (pairs := pairs_of(merges, characters)) is None:
            raise damaged(f"the merges {shown(merges)}", "pairs of earlier tokens, by number")
        n, read = len(pairs.tokens), np.zeros((1, self.context), int)
        if net is None or net.predict(read).shape != (1, self.context, n):
            raise damaged(f"the net {shown(net)}", f"one from {n} tokens to {n} logits")
        try:
            Continuation(net)
        except SettingError as error:
            raise damaged(f"the net {shown(net)}", "one that reads from left to right") from error
        self.vocabulary_, self.counts_, self.pairs_, self.net_ = characters, counts, pairs, net
        self.best_epoch_, self.history_ = best, None


def _finite(z: Array) -> Array:
    """Logits as float64; refused if not finite."""
    z = np.asarray(z, float)
    if not np.isfinite(z).all():
        raise DataError(
            "the net of this language model outputs NaN or infinity",
            "a finite logit for each token",
            "an intact copy of its file, or training with a smaller learning_rate",
        )
    return z


def _probabilities(z: Array, temperature: float) -> Array:
    """Probability of each token by its logit, (n_tokens,); 0 for the unknown one."""
    z[0] = -np.inf
    z -= z.max()
    with np.errstate(over="ignore"):  # to -inf, at a temperature near 0
        p = np.exp(z / temperature)
    return p / p.sum()


def _checked(text: object) -> str:
    if not isinstance(text, str):
        raise DataError(described(text), "a text, or the Path of a file", 'pathlib.Path("a.txt")')
    return text

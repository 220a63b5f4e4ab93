"""LanguageModel: letters and codes, what is judged and written, its file, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import handgrad as hg
from handgrad.files.tensors import refused_as_damaged
from handgrad.tables.data.texts import windows_of_codes
from tests.bad_input.refused import refused
from tests.tables.estimators.verses import VERSE


def fitted(text: Any = VERSE * 12, **settings: Any) -> hg.LanguageModel:
    quick: dict[str, Any] = {
        "context": 16,
        "width": 16,
        "blocks": 1,
        "heads": 2,
        "epochs": 1,
        "batch_size": 256,
        "random_state": 0,
        "engine": "eager",
    }
    return hg.LanguageModel(**quick | settings).fit(text)


@pytest.fixture(scope="module")
def model() -> hg.LanguageModel:
    return fitted(batch_size=8, epochs=4, learning_rate=0.01, engine="compiled")


def test_a_verse_is_learnt_and_written(model: hg.LanguageModel) -> None:
    written = model.write("one for", length=49, temperature=0)
    assert written == VERSE[: 7 + 49]
    surprise, expected = model.judge(VERSE)
    assert surprise.shape == expected.shape == (len(VERSE) - 1,)
    assert expected.mean() > 0.9
    assert model.score(VERSE) == -surprise.mean()
    assert model.score(VERSE) > model.score(VERSE[::-1]) + 1


def test_a_short_text_that_repeats_itself_is_written_on_from_any_place() -> None:
    verse = VERSE[:63] + "\n"  # as long as four windows: side by side they would begin alike
    text = verse * 20
    model = fitted(text, batch_size=32, epochs=None, learning_rate=0.01, engine="compiled")
    for place in (0, 5, 11, 18, 40, 51, 60):
        start = text[place : place + 12]
        assert model.write(start, length=80, temperature=0) == text[place : place + 92]


def test_letters_that_are_rare_or_unknown_are_one_and_are_never_written() -> None:
    text = VERSE * 12 + "QQQ"  # three times are too few
    model = fitted(text)
    assert model.vocabulary_[0] == "\ufffd"
    assert model.vocabulary_[1:] == "".join(sorted({*VERSE}))
    assert model.counts_ == [3, *(12 * VERSE.count(letter) for letter in model.vocabulary_[1:])]
    place = model.vocabulary_.index("e")
    assert model.encode("eQ\u00e9e").tolist() == [place, 0, 0, place]
    assert model.unknown("one \u00e9 Q Q two") == "Q\u00e9"
    p = model.predict_proba("one")
    assert p[0] == 0
    assert p.sum() == pytest.approx(1)
    assert np.isfinite(model.judge("one \u00e9 two")[0]).all()


def test_the_surprise_is_that_of_the_net_after_what_stands_before(model: hg.LanguageModel) -> None:
    """Each letter is judged once, after half of the context or more."""
    text = VERSE[:45]
    for t in (2, 3, 16, 17, 18, 24, 25, 26, 45):
        part = text[:t]
        surprise, _ = model.judge(part)
        assert surprise.shape == (t - 1,)
        # windows of 16 begin every 8 letters, and the last ends with the text
        n, ends = t - 1, [*range(min(16, t - 1), t - 1, 8), t - 1]
        for i in range(n):
            end = next(end for end in ends if i < end)
            window = part[max(end - 16, 0) : end]
            z = model.net_.predict(model.encode(window)[None])[0].astype(float)
            log_p = z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
            place = i - max(end - 16, 0)
            own = -log_p[place, model.encode(part)[i + 1]]
            np.testing.assert_allclose(surprise[i], own, rtol=1e-4, atol=1e-5)


def test_the_temperature_and_the_seed_decide_what_is_written(model: hg.LanguageModel) -> None:
    def written(**how: Any) -> str:
        return model.write("two ", length=80, **how)

    hot = {"temperature": 2.0}
    one, same = written(rng=3, **hot), written(rng=np.random.default_rng(3), **hot)
    assert one == same != written(rng=4, **hot)
    assert written(temperature=0, rng=1) == written(temperature=0, rng=2)
    assert len(written(temperature=5)) == 84
    usual, wild = (np.mean(model.judge(written(temperature=t, rng=0))[0]) for t in (0.2, 3))
    assert usual < wild


def test_a_temperature_hardly_above_0_takes_the_likeliest(model: hg.LanguageModel) -> None:
    least, none = (model.write("one", length=9, temperature=t, rng=0) for t in (1e-310, 0))
    assert least == none


def test_without_a_start_it_begins_as_after_a_line(model: hg.LanguageModel) -> None:
    assert model.write(length=20, temperature=0) == model.write("\n", length=20, temperature=0)[1:]
    lines = fitted((VERSE * 12).replace("\n", " "))
    assert len(lines.write(length=5, rng=0)) == 5


def test_the_net_is_the_one_that_is_asked_for() -> None:
    layers = fitted(blocks=2).net_.layers
    assert [type(layer).__name__ for layer in layers] == [
        *("Embedding", "PositionEmbedding", "Residual", "Residual", "Residual", "Residual"),
        *("LayerNorm", "Linear"),
    ]
    layers = fitted(net="gru", blocks=2).net_.layers
    assert [type(layer).__name__ for layer in layers] == ["Embedding", "GRU", "GRU", "Linear"]


@pytest.mark.parametrize("net", ["transformer", "gru"])
def test_the_net_is_the_same_compiled(net: str) -> None:
    eager, compiled = (fitted(net=net, engine=engine) for engine in ("eager", "compiled"))
    np.testing.assert_allclose(eager.judge(VERSE)[0], compiled.judge(VERSE)[0], atol=1e-4)


def test_nothing_before_sees_what_comes_after(model: hg.LanguageModel) -> None:
    one, other = (model.judge(VERSE[:10] + rest)[0] for rest in ("abcdef", "fedcba"))
    np.testing.assert_array_equal(one[:9], other[:9])


def test_the_best_epoch_is_kept() -> None:
    text = "".join(np.random.default_rng(0).choice([*"abcd"], 400))  # there is nothing to learn
    model = fitted(text, learning_rate=0.03, epochs=10, batch_size=32)
    assert model.history_ is not None
    losses = [report.validation_loss or 0.0 for report in model.history_]
    assert model.best_epoch_ == 1 + int(np.argmin(losses)) < 10
    x, y = windows_of_codes(model.encode(text[380:]), 16, 16)
    found = hg.evaluate(model.net_, (x, y), loss=hg.SoftmaxCrossEntropyLoss())
    assert found.loss == pytest.approx(min(losses), rel=1e-5)


def test_epochs_that_nobody_says_are_enough_steps() -> None:
    model = fitted(VERSE, epochs=None, context=4, batch_size=128)
    assert len(model.history_ or ()) == 200  # of one step each: no more than that


def test_the_seed_decides_and_a_clone_is_fitted_alike() -> None:
    one, other = fitted(), fitted(random_state=1)
    assert (one.net_.parameters != other.net_.parameters).any()
    np.testing.assert_array_equal(clone(one).fit(VERSE * 12).net_.parameters, one.net_.parameters)
    assert repr(one).startswith("LanguageModel(batch_size=256, blocks=1, context=16")


def test_a_file_is_read_where_a_path_is_given(tmp_path: Path) -> None:
    path = tmp_path / "verse.txt"
    path.write_bytes((VERSE * 12).replace("\n", "\r\n").encode())
    np.testing.assert_array_equal(fitted(path).net_.parameters, fitted().net_.parameters)


def test_it_comes_back_from_its_file(model: hg.LanguageModel, tmp_path: Path) -> None:
    again = hg.load(hg.save(model, tmp_path / "model.safetensors"))
    assert type(again) is hg.LanguageModel
    assert (again.vocabulary_, again.counts_) == (model.vocabulary_, model.counts_)
    assert (again.best_epoch_, again.history_) == (model.best_epoch_, None)
    assert again.write("two ", rng=0) == model.write("two ", rng=0)
    np.testing.assert_array_equal(again.judge(VERSE)[0], model.judge(VERSE)[0])


@pytest.fixture(scope="module")
def of_tokens() -> hg.LanguageModel:
    """A model whose tokens are sub-words too."""
    return fitted(tokens=45, batch_size=8, epochs=6, learning_rate=0.01, engine="compiled")


def written_by_whole_windows(model: hg.LanguageModel, start: str, length: int, seed: int) -> str:
    """As `write` is defined: each token by the predictions for its whole window."""
    rng, codes = np.random.default_rng(seed), model.encode(start).tolist()
    first = max(len(codes) - model.context, 0)
    while len(text := "".join(model.pairs_.tokens[code] for code in codes)) < len(start) + length:
        if len(codes) - first > model.context:
            first = len(codes) - max(model.context // 2, 1)
        z = model.net_.predict(np.array([codes[first:]]), engine="eager")[0, -1].astype(float)
        p = np.exp((z - z[1:].max()) / 0.8)
        p[0] = 0
        codes.append(int(rng.choice(len(p), p=p / p.sum())))
    return text[: len(start) + length]


@pytest.mark.parametrize("net", ["transformer", "gru"])
@pytest.mark.parametrize("tokens", [None, 40])
@pytest.mark.parametrize("context", [1, 2, 7, 16])
def test_what_was_read_is_not_read_again(net: Any, tokens: int | None, context: int) -> None:
    model = fitted(net=net, tokens=tokens, context=context)
    for seed, start in enumerate(("o", VERSE[:7], VERSE[:60])):
        wanted = written_by_whole_windows(model, start, 70, seed)
        assert model.write(start, length=70, temperature=0.8, rng=seed) == wanted


def test_sub_words_are_learned_and_written(of_tokens: hg.LanguageModel) -> None:
    tokens = of_tokens.pairs_.tokens
    assert len(tokens) == 45
    assert "".join(tokens[:26]) == of_tokens.vocabulary_
    assert of_tokens.predict_proba("one").shape == (45,)
    codes = of_tokens.encode(VERSE)
    assert "".join(tokens[code] for code in codes) == VERSE
    assert len(codes) < 0.75 * len(VERSE)
    for length in (1, 2, 40):
        assert len(of_tokens.write("one for", length=length, rng=0)) == 7 + length
    assert of_tokens.write("one for", length=49, temperature=0) == VERSE[: 7 + 49]


def test_the_surprisal_of_a_sub_word_is_that_of_its_characters(of_tokens: hg.LanguageModel) -> None:
    """A text within one window: the first character is a token, then the others follow."""
    text = VERSE[:24]
    codes = [*of_tokens.encode(text[0]), *of_tokens.encode(text[1:])]
    z = of_tokens.net_.predict(np.array(codes)[None, :-1])[0].astype(float)
    log_p = z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
    surprisal, expected = of_tokens.judge(text)
    assert surprisal.shape == expected.shape == (len(text) - 1,)
    assert surprisal.sum() == pytest.approx(-log_p[np.arange(len(codes) - 1), codes[1:]].sum())
    place = 0
    for i, code in enumerate(codes[1:]):
        n = len(of_tokens.pairs_.tokens[code])
        np.testing.assert_allclose(surprisal[place : place + n], -log_p[i, code] / n, atol=1e-6)
        assert (expected[place : place + n] == (z[i].argmax() == code)).all()
        place += n
    assert place == len(text) - 1


def test_sub_words_come_back_from_the_file(of_tokens: hg.LanguageModel, tmp_path: Path) -> None:
    again = hg.load(hg.save(of_tokens, tmp_path / "model.safetensors"))
    assert again.tokens == 45
    assert again.pairs_ == of_tokens.pairs_
    assert again.write("two ", rng=0) == of_tokens.write("two ", rng=0)
    np.testing.assert_array_equal(again.judge(VERSE)[0], of_tokens.judge(VERSE)[0])
    state, net = of_tokens._to_file()
    for merges in ([[1, 99]], "ab", [[*pair] for pair in of_tokens.pairs_.merges[:3]]):
        with (
            pytest.raises(hg.errors.FileError),
            refused_as_damaged("LanguageModel", "what a fit leaves"),
        ):
            hg.LanguageModel(context=16)._from_file(state | {"merges": merges}, net)


def test_unknown_characters_are_no_part_of_a_sub_word(of_tokens: hg.LanguageModel) -> None:
    assert of_tokens.unknown("one\u00e9 for Q") == "Q\u00e9"
    assert len(of_tokens.judge("one\u00e9 for Q")[0]) == 9
    with refused(hg.errors.DataError, "the character '\u00e9', at position 7"):
        of_tokens.write("one for\u00e9")
    with refused(hg.errors.DataError, "a text of 1 characters"):
        of_tokens.judge("a")


def test_a_number_of_sub_words_that_does_not_fit_is_refused() -> None:
    with refused(hg.errors.DataError, "tokens, the last", "more tokens than the context"):
        fitted(VERSE * 4, tokens=60, context=40)
    with refused(hg.errors.SettingError, "tokens=9", "more tokens than characters", "tokens=52"):
        fitted(tokens=9)


@pytest.mark.parametrize(
    "change",
    [
        {"vocabulary": "abc"},
        {"vocabulary": "\ufffdba" + "x" * 40},
        {"counts": [1]},
        {"counts": "many"},
        {"best_epoch": -1},
        {"more": 1},
    ],
)
def test_a_file_that_no_fit_leaves_is_refused(
    model: hg.LanguageModel, change: dict[str, Any]
) -> None:
    fitted_state, net = model._to_file()
    other = hg.Net(hg.Linear(3, 3))
    for state, its_net in ((fitted_state | change, net), (fitted_state, other)):
        with (
            pytest.raises(hg.errors.FileError),
            refused_as_damaged("LanguageModel", "what a fit leaves"),
        ):
            hg.LanguageModel(context=16)._from_file(state, its_net)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ("an empty text",)),
        ("a" * 900, ("one distinct character, 'a'", "two distinct characters")),
        ("abcdefgh" * 3, ("0 of them at least 4 times", "a longer text")),
        (VERSE, ("the last 7 of them for validation", "about 340 in all", "context=6")),
        (b"bytes", ("bytes", "the Path of a file")),
        (["one", "two"], ("list", "the Path of a file")),
        (Path("none.txt"), ("none.txt could not be read",)),
    ],
)
def test_what_cannot_be_learnt_is_refused(text: Any, parts: tuple[str, ...]) -> None:
    kind = hg.errors.FileError if isinstance(text, Path) else hg.errors.DataError
    with refused(kind, *parts):
        fitted(text)


@pytest.mark.parametrize(
    ("setting", "parts"),
    [
        ({"net": "lstm"}, ("net='lstm'", "'transformer' or 'gru'")),
        ({"net": "GRU"}, ("did you mean 'gru'?",)),
        ({"context": 0}, ("context = 0", "above zero")),
        ({"context": 5000}, ("context=5000", "at most 4096 tokens")),
        ({"width": 2.5}, ("width = 2.5",)),
        ({"heads": 3}, ("16 features for 3 heads",)),
        ({"epochs": 0}, ("epochs = 0",)),
        ({"learning_rate": -1}, ("learning_rate = -1",)),
        ({"validation_fraction": 1}, ("validation_fraction = 1",)),
    ],
)
def test_settings_that_cannot_be_are_refused(
    setting: dict[str, Any], parts: tuple[str, ...]
) -> None:
    with refused(hg.errors.SettingError, *parts):
        fitted(**setting)


def test_what_cannot_be_judged_or_written_is_refused(model: hg.LanguageModel) -> None:
    with refused(hg.errors.DataError, "an empty text", "one character"):
        model.predict_proba("")
    with refused(
        hg.errors.DataError,
        "the character '\u00e9', at position 3",
        "the 25 characters",
        "remove it",
    ):
        model.write("caf\u00e9")
    with refused(hg.errors.DataError, "a text of 1 characters", "two or more"):
        model.judge("a")
    with refused(hg.errors.SettingError, "length = 0"):
        model.write(length=0)
    with refused(hg.errors.SettingError, "rng='first'"):
        model.write(rng="first")  # type: ignore[arg-type]
    with refused(hg.errors.SettingError, "temperature = -1"):
        model.write(temperature=-1)
    with pytest.raises(NotFittedError):
        hg.LanguageModel().write()


def test_the_name_of_a_file_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "poem.txt"
    path.write_text("the rain, the wind " * 500, "utf-8")
    with refused(hg.errors.DataError, "a text of", "pathlib.Path(text), to read the file"):
        hg.LanguageModel().fit(str(path))


def test_a_net_whose_numbers_overflow_neither_writes_nor_judges() -> None:
    """Its weights are finite, as those of a damaged file may be."""
    damaged = fitted()
    damaged.net_.parameters[...] = 1e38
    for act in (
        lambda: damaged.write("one", length=3, rng=0),
        lambda: damaged.judge(VERSE),
        lambda: damaged.score(VERSE),
        lambda: damaged.predict_proba("one"),
    ):
        with refused(hg.errors.DataError, "NaN or infinity"):
            act()

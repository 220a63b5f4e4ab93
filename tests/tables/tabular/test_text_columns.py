"""Free text columns: hashed words and n-grams, honest scores, and the models that use them."""

import zlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import handgrad as hg
from handgrad.files.features import Column
from handgrad.files.text_scores import BUCKETS, Grams, TextScores, grams_of
from handgrad.tables.data.dependent_rows import Units
from handgrad.tables.tabular import text_columns as page
from handgrad.tables.tabular.features import MergedRows
from handgrad.tables.tabular.text_columns import is_free_text, text_columns
from handgrad.textbook.layers import Array
from tests.bad_input.refused import refused
from tests.tables.tabular.frames import reviews

SMALL: dict[str, Any] = {"n_members": 2, "epochs": 10, "random_state": 0}


def table(texts: Array, **columns: Any) -> pa.Table:
    return pa.table({"review": texts.tolist(), **columns})


def by_hand(text: str) -> dict[int, int]:
    """Buckets of a text, letter by letter in Python's integers."""
    base, most = 0x9E3779B1, 2**32

    def mixed(h: int) -> int:
        for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
            h = (h ^ (h >> shift)) * factor % most
        return h ^ (h >> 16)

    def word(letters: str) -> int:
        inverse = pow(base, -1, most)
        return mixed(sum(ord(c) * pow(inverse, i, most) for i, c in enumerate(letters)) % most)

    plain = f" {' '.join(text.lower().split())} "
    words: list[str] = []
    for i, c in enumerate(plain):
        chinese = "\u4e00" <= c <= "\u9fff"
        if not (c.isalnum() or c == "_"):
            continue
        before = plain[i - 1]
        joins = (before.isalnum() or before == "_") and not chinese
        if joins and not "\u4e00" <= before <= "\u9fff":
            words[-1] += c
        else:
            words.append(c)
    hashes = [word(w) for w in words]
    buckets = [h % BUCKETS for h in hashes]
    buckets += [mixed((one * base + two) % most) % BUCKETS for one, two in pairwise(hashes)]
    for size in (3, 4, 5):
        for i in range(len(plain) - size + 1):
            h = size
            for c in plain[i : i + size]:
                h = (h * base + ord(c)) % most
            buckets.append(BUCKETS + mixed(h) % BUCKETS)
    return {bucket: buckets.count(bucket) for bucket in buckets}


TEXTS = [
    "Good, good screen_2!",
    "",
    "x",
    "电池很好 ok很",
    "  a\tb\n",
    "Ünïcode 𝔘 naïve",
    "\ud800 a",
]


def test_words_and_n_grams_are_hashed_as_by_hand() -> None:
    grams = grams_of(TEXTS)
    assert grams.n == len(TEXTS)
    for i, text in enumerate(TEXTS):
        of_text = grams.row == i
        pairs = zip(grams.bucket[of_text].tolist(), grams.count[of_text].tolist(), strict=True)
        assert dict(pairs) == by_hand(text), text


def _bytes(grams: Grams) -> bytes:
    return np.stack([grams.row, grams.bucket, grams.count]).astype("<i8").tobytes()


def test_the_hash_stays_as_it_is_for_the_files_that_have_it() -> None:
    grams = grams_of(TEXTS)
    assert zlib.crc32(_bytes(grams)) == 2648070319


def fit_of(n: int, units: Units | None = None, column: Array | None = None) -> Any:
    texts, y = reviews(n, 1)
    values = texts if column is None else column
    rows, t = MergedRows({"t": Column("text", values)}, y, np.ones(n), units), np.eye(2)[y]
    rng = np.random.default_rng(0)
    fold = page._folds(rows, rows.table["t"], t, rng)
    return page._Fit(rows.table["t"], t, rows.w, fold, rng, 10**5)


@pytest.mark.parametrize("units", [None, Units(np.arange(200) // 5), Units(np.arange(200), True)])
def test_no_row_has_a_part_in_its_own_score(units: Units | None) -> None:
    fit = fit_of(200, units)
    _, before = fit.of_others(10.0)
    own = fit.fold == fit.fold[7]
    fit.y = np.where(own[:, None], 1 - fit.y, fit.y)
    _, after = fit.of_others(10.0)
    np.testing.assert_array_equal(before[own], after[own])
    assert (before[~own] != after[~own]).all()
    if units is not None:  # whole units are in one fold
        pairs = np.unique(np.stack([units.codes, fit.fold]), axis=1)
        np.testing.assert_array_equal(pairs[0], np.unique(units.codes))


def test_equal_texts_are_in_one_fold() -> None:
    texts, _ = reviews(100)
    fit = fit_of(200, column=np.concatenate([texts, texts]))
    np.testing.assert_array_equal(fit.fold[:100], fit.fold[100:])
    assert len(np.unique(fit.fold)) == 5


def test_texts_that_say_nothing_are_not_learned_by_heart() -> None:
    texts, _ = reviews(400)
    y = np.random.default_rng(5).integers(2, size=400)
    model = hg.TabularClassifier(**SMALL).fit(table(texts), y)
    feature = model.features_.features["review"]
    assert isinstance(feature, TextScores)
    by_all = feature.parsed(Column("text", texts))[:, 0]
    assert ((by_all > 0) == y).mean() > 0.8  # by a model that knows these rows
    rows = MergedRows({"t": Column("text", texts)}, y, np.ones(400))
    own = text_columns(rows, np.eye(2)[y], np.random.default_rng(0)).scores["t"][:, 0]
    assert abs(((own > 0) == y).mean() - 0.5) < 0.1
    new, _ = reviews(400, seed=9)
    p = model.predict_proba(table(new))
    assert abs(p[:, 1] - 0.5).mean() < 0.15


def test_a_text_is_learned_as_well_as_by_logistic_regression() -> None:
    (texts, y), (new, y_new) = reviews(1200), reviews(600, seed=1)
    other = make_pipeline(TfidfVectorizer(sublinear_tf=True), LogisticRegression(C=10))
    best = other.fit(texts, y).score(new, y_new)
    model = hg.TabularClassifier(**SMALL).fit(table(texts), y)
    assert model.score(table(new), y_new) > best - 0.01
    assert model.features_.read_as() == {"review": "free text: a score of words and n-grams"}


def test_text_and_numbers_together_tell_more_than_each() -> None:
    (texts, y), (new, y_new) = reviews(600), reviews(600, seed=1)
    rng = np.random.default_rng(0)
    stars, new_stars = (labels + rng.normal(size=600) for labels in (y, y_new))
    scores = [
        hg.TabularClassifier(**SMALL).fit(of_training, y).score(of_test, y_new)
        for of_training, of_test in (
            (table(texts, stars=stars), table(new, stars=new_stars)),
            (table(texts), table(new)),
            (pa.table({"stars": stars}), pa.table({"stars": new_stars})),
        )
    ]
    assert scores[0] > max(scores[1:])


def test_several_classes_and_numbers_as_targets() -> None:
    texts, y = reviews(300)
    model = hg.TabularClassifier(**SMALL).fit(table(texts), np.where(y, 2, np.arange(300) % 2))
    assert model.features_.n_out == 3
    assert model.predict_proba(table(texts[:5])).shape == (5, 3)
    number = hg.TabularRegressor(**SMALL).fit(table(texts), 1e6 + 10.0 * y)
    new, y_new = reviews(300, seed=1)
    assert number.score(table(new), 1e6 + 10.0 * y_new) > 0.4


def test_quantiles_of_texts_are_of_numbers_not_of_classes() -> None:
    texts, y = reviews(300)
    model = hg.TabularRegressor(quantiles=(0.1, 0.9), **SMALL).fit(table(texts), 1e6 + 10.0 * y)
    assert model.features_.n_out == 1
    new, y_new = reviews(300, seed=1)
    assert model.score(table(new), 1e6 + 10.0 * y_new) > 0.2


def test_missing_texts_and_other_cells(tmp_path: Path) -> None:
    texts, y = reviews(300)
    texts[::5] = None
    model = hg.TabularClassifier(**SMALL).fit(table(texts), y)
    assert model.features_.names() == ["review_score", "review_missing"]
    p = model.predict_proba(pa.table({"review": [None, "", "great", "awful", "电池"]}))
    assert np.isfinite(p).all()
    assert p[2, 1] > 0.5 > p[3, 1]
    assert len(model.predict_proba(pa.table({"review": [7, 8]}))) == 2
    assert len(model.predict_proba(pa.table({"review": pa.array([None, None], pa.string())}))) == 2


def test_a_file_has_the_model_and_only_arrays(tmp_path: Path) -> None:
    texts, y = reviews(300)
    model = hg.TabularClassifier(**SMALL).fit(table(texts), y)
    again = hg.load(hg.save(model, tmp_path / "m.safetensors"))
    np.testing.assert_array_equal(
        again.predict_proba(table(texts)), model.predict_proba(table(texts))
    )
    feature = model.features_.features["review"]
    assert isinstance(feature, TextScores)
    entry = vars(feature)
    for name, value in {
        "buckets": "!",
        "idf": "",
        "weights": "AAA=",
        "moments": feature.buckets,
    }.items():
        kept = {k: v for k, v in entry.items() if not k.endswith("_") and k != "model"}
        assert not TextScores(**{**kept, name: value}).is_possible(), name


def test_exports_are_refused(tmp_path: Path) -> None:
    texts, y = reviews(300)
    model = hg.TabularClassifier(**SMALL).fit(table(texts), y)
    for name in ("m.onnx", "m.py", "m.js"):
        with refused(hg.errors.SettingError, "column 'review', free text", "a model without"):
            hg.export(model, tmp_path / name)
    assert not [*tmp_path.iterdir()]


def test_what_free_text_is() -> None:
    def column(*texts: str) -> Column:
        return Column("text", np.array(texts, object))

    assert is_free_text(column(*(f"the {i} boxes arrived today" for i in range(80))))
    assert is_free_text(column(*(f"这个电池很好用可以买{i}" for i in range(80))))
    assert not is_free_text(column(*(f"the {i % 9} boxes arrived today" for i in range(80))))
    assert not is_free_text(column(*(f"customer {i}" for i in range(80))))
    assert not is_free_text(column(*(f"the {i} boxes arrived today" for i in range(30))))


def test_other_columns_are_free_text_if_asked_for(tmp_path: Path) -> None:
    _, y = reviews(120)
    codes = [f"{'fine' if label else 'bad'}{i}" for i, label in enumerate(y)]
    rows = pa.table({"code": codes, "x": np.arange(120.0)})
    assert "identifier" in hg.TabularClassifier(**SMALL).fit(rows, y).features_.read_as()["code"]
    model = hg.TabularClassifier(**SMALL, text="code").fit(rows, y)
    assert isinstance(model.features_.features["code"], TextScores)
    assert model.score(pa.table({"code": ["fine", "bad"], "x": [0.0, 0.0]}), [1, 0]) == 1
    again = hg.load(hg.save(model, tmp_path / "m.safetensors"))
    assert again.text == "code"
    one = pa.table({"code": ["a"] * 120, "x": np.arange(120.0)})
    assert hg.TabularClassifier(**SMALL, text=["code"]).fit(one, y).features_.n_out == 1
    with refused(hg.errors.DataError, "column 'x' holds numbers", "columns of text"):
        hg.TabularClassifier(**SMALL, text=["x"]).fit(rows, y)
    with refused(hg.errors.DataError, "column 'b' is not there", "'code', 'x'"):
        hg.TabularClassifier(**SMALL, text=["b"]).fit(rows, y)


def test_texts_of_too_many_classes_and_of_streams_are_refused() -> None:
    texts, _ = reviews(303)
    y = np.arange(303) % 101
    model = hg.TabularClassifier(**SMALL, text=["review"])
    with refused(hg.errors.SettingError, "with 101 classes", "at most 100"):
        model.fit(table(texts), y)
    model.text = ()
    assert "left out" in model.fit(table(texts, x=y), y).features_.read_as()["review"]
    with refused(hg.errors.SettingError, "a table larger than memory", "without text="):
        page.refuse_streamed(["review"])


def test_contributions_and_importances_of_texts() -> None:
    texts, y = reviews(300)
    rows = table(texts, noise=np.random.default_rng(0).normal(size=300))
    model = hg.TabularClassifier(**SMALL).fit(rows, y)
    result = hg.tables.contributions(model, rows.slice(0, 20), rows)
    sizes = np.abs(result.values).reshape(20, 2, -1).mean(axis=(0, 2))
    assert sizes[0] > 3 * sizes[1]

"""The report: what its page says is so, whatever the table holds."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import handgrad as hg
from handgrad.files.html import visible
from tests.tables.reporting.pages import EVIL, QUICK, Page, evil, houses, page_of

IRIS_X, IRIS_Y = hg.data.load("iris")
NAMES = np.array(["setosa", "versicolor", "virginica"])[IRIS_Y]
TRAINING, HELD = np.arange(150) % 3 > 0, np.arange(150) % 3 == 0
TITLES = [
    "Scores",
    "Predictions and errors",
    "Rows",
    "Important columns",
    "Training",
    "Data",
    "Diagnosis",
    "Reproduction",
    "Model card",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reports")


@pytest.fixture(scope="module")
def model() -> Any:
    return hg.TabularClassifier(**QUICK).fit(IRIS_X[TRAINING], NAMES[TRAINING])


@pytest.fixture(scope="module")
def iris(model: Any, folder: Path) -> Page:
    about = {
        "target": "species",
        "command": ["handgrad", "train", "my flowers.csv"],
        "data": {"my flowers.csv": "3 kB"},
        "seed": 7,
        "seconds": 1.25,
        "notes": ["species is text: classes"],
        "folds": 3,
    }
    return page_of(
        folder,
        model,
        IRIS_X[HELD],
        NAMES[HELD],
        training=(IRIS_X[TRAINING], NAMES[TRAINING]),
        about=about,
    )


@pytest.fixture(scope="module")
def prices(folder: Path) -> tuple[Any, Page]:
    x, y = houses()
    model = hg.TabularRegressor(**QUICK).fit(x[:120], y[:120])
    return model, page_of(folder, model, x[120:], y[120:], training=(x[:120], y[:120]))


@pytest.fixture(scope="module")
def hostile(folder: Path) -> Page:
    x, y = evil()
    model = hg.TabularClassifier(**QUICK).fit(x[:100], y[:100])
    about = {"command": ["a", "<b>"], "notes": "<script>n</script>", "data": ["<x>.csv"]}
    return page_of(folder, model, x[100:], y[100:], training=(x[:100], y[:100]), about=about)


@pytest.fixture(params=["iris", "prices", "hostile"])
def page(request: pytest.FixtureRequest) -> Page:
    found = request.getfixturevalue(request.param)
    return found if isinstance(found, Page) else found[1]


@pytest.mark.slow
def test_it_needs_nothing_else(page: Page) -> None:
    tags = {tag for tag, _ in page.tags}
    assert tags.isdisjoint({"script", "link", "iframe", "object", "embed", "base", "form"})
    for _, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href", "xlink:href", "srcset"):
            assert attributes.get(name, "#").startswith(("#", "data:image/png;base64,"))
    style = re.findall(r"<style>(.*?)</style>", page.source, re.DOTALL)
    assert len(style) == 1
    assert "url(" not in style[0]
    assert "@import" not in style[0]
    assert len(page.source) < 1_500_000


def test_names_are_unique_and_lead_somewhere(page: Page) -> None:
    names = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(names) == len(set(names))
    for _, attributes in page.tags:
        for value in attributes.values():
            if found := re.fullmatch(r"#(.+)|url\(#(.+)\)", value or ""):
                assert (found[1] or found[2]) in names


def test_every_picture_has_a_text_in_its_place_and_a_caption(page: Page) -> None:
    pictures = [a for a in page.all("svg") if a.get("aria-hidden") != "true"]
    assert len(pictures) >= 6
    for picture in pictures:
        assert picture["role"] == "img"
        assert len(picture["aria-label"]) > 10
    assert len(page.all("figure")) == len(page.all("figcaption")) == len(pictures)


def test_headings_and_contents_are_in_order(page: Page) -> None:
    assert page.headings[1:] == ["Contents", *TITLES]
    assert page.all("html") == [{"lang": "en"}]
    links = [attributes["href"] for attributes in page.all("a")]
    assert links == [f"#{name}" for name in page.sections if name]


def test_the_scores_are_those_of_scikit_learn(iris: Page, model: Any) -> None:
    x, y = IRIS_X[HELD], NAMES[HELD]
    p = model.predict_proba(x)
    right = metrics.accuracy_score(y, model.predict(x))
    assert f"it is correct for {right:.1%}" in iris.text
    assert f"{right:.1%}" in iris.sections["scores"]
    assert f"{metrics.log_loss(y, p):.3f}" in iris.sections["scores"]
    auc = metrics.roc_auc_score(y, p, multi_class="ovr")
    assert f"{auc:.3f}" in iris.sections["scores"]
    learned = metrics.accuracy_score(NAMES[TRAINING], model.predict(IRIS_X[TRAINING]))
    assert f"{learned:.1%}" in iris.sections["scores"]
    most = np.unique(NAMES[TRAINING], return_counts=True)[1].argmax()
    share = (y == np.unique(NAMES)[most]).mean()
    assert f"would be correct for {share:.1%}" in iris.text


def test_the_numbers_of_a_regression_are_those_of_scikit_learn(prices: tuple[Any, Page]) -> None:
    model, page = prices
    x, y = houses()
    said = model.predict(x[120:])
    text = page.sections["scores"]
    assert f"{metrics.mean_absolute_error(y[120:], said):.3g}" in text
    assert f"{metrics.r2_score(y[120:], said):.3f}" in text
    guess = np.full(40, y[:120].mean())
    assert f"{metrics.mean_absolute_error(y[120:], guess):.3g}" in text
    assert "predicts price, a number, from 6 columns" in page.text


def test_the_drawing_of_the_net_opens_on_a_click(iris: Page) -> None:
    (folded,) = re.findall(r"<details>\s*<summary>The net, drawn[^§]*?</details>", iris.source)
    assert 'aria-label="The net: ' in folded
    assert iris.source.count('aria-label="The net: ') == 1


def test_it_says_what_was_run(iris: Page) -> None:
    text = iris.sections["repeat"]
    assert "handgrad train 'my flowers.csv'" in text
    for fact in ("seed7", "took1.25 s", "folds3", f"handgrad{hg.__version__}", "numpy"):
        assert fact in text
    assert "TabularClassifier(epochs=8, n_members=2, random_state=0)" in text
    assert "my flowers.csv (3 kB)" in iris.sections["data"]
    assert "species is text: classes" in iris.sections["data"]
    assert iris.headings[0] == "Predicting species"


def test_it_says_what_each_column_was_read_as(prices: tuple[Any, Page]) -> None:
    text = prices[1].sections["data"]
    for said in (
        "number + missing-value flag",
        "category of 3 values",
        "binary, '0' or '1'",
        "date: timestamp + cyclic year, week and day features",
        "number (text that reads as numbers)",
    ):
        assert said in text
    assert "11%" in text


def test_the_curves_are_of_the_history_that_is_kept(iris: Page, model: Any) -> None:
    assert len(model.history_) == 8
    assert "Loss by epoch" in iris.sections["training"]
    assert "An ensemble of 2 nets" in iris.sections["training"]


def test_names_that_would_break_a_page_are_shown_as_they_are(hostile: Page) -> None:
    assert hostile.headings[0] == "Predicting </title><script>x"
    for name in EVIL:
        assert visible(name) in hostile.sections["data"]
    assert not {*"\x00\x07\x1b\ufffe\u202e"} & {*hostile.source}
    for word in ("<i>one</i>", '"two"', "三", "<script>n</script>", "<x>.csv"):
        assert word in hostile.sections["data"]
    assert "a '<b>'" in hostile.sections["repeat"]
    assert "<script>yes</script>" in hostile.text
    assert "i" not in {tag for tag, _ in hostile.tags}


@pytest.mark.slow
def test_without_its_training_it_guesses_from_the_rows_themselves(model: Any, folder: Path) -> None:
    found = page_of(folder, model, IRIS_X[HELD], NAMES[HELD])
    assert "The training rows were not given" in found.sections["data"]
    assert "training" not in found.sections["scores"]
    doctor = found.sections["doctor"]
    assert "held-out rows among the training rows: validation=(x_val, y_val) was not" in doctor
    assert "repeated groups: training rows were not given" in doctor


def test_held_out_rows_of_one_class_say_what_they_cannot_tell(model: Any, folder: Path) -> None:
    one = NAMES == "virginica"
    found = page_of(folder, model, IRIS_X[one], NAMES[one], training=(IRIS_X, NAMES))
    assert "All held-out rows are of one class, “virginica”: ROC" in found.sections["answers"]
    assert "do not show whether it is better than guessing" in found.text
    assert "no rows of 2 classes" in found.sections["scores"]


@pytest.mark.slow
def test_five_rows_and_one_are_few(model: Any, folder: Path) -> None:
    assert (
        "Only 5 rows held out: all scores are noisy"
        in page_of(folder, model, IRIS_X[::30], NAMES[::30]).text
    )
    found = page_of(folder, model, IRIS_X[:1], NAMES[:1])
    assert "On 1 row held out" in found.text
    assert "1 row was held out" in found.sections["data"].lower()


def test_classes_never_seen_are_left_out_and_told(folder: Path) -> None:
    two = NAMES != "virginica"
    model = hg.TabularClassifier(**QUICK).fit(IRIS_X[two], NAMES[two])
    found = page_of(folder, model, IRIS_X, NAMES)
    assert "50 of the held-out rows are of a class that the model does not know" in found.text
    assert "On 100 rows held out" in found.text


def test_a_model_that_says_one_number_is_told_to_be_of_no_use(folder: Path) -> None:
    x, y = houses()
    model = hg.TabularRegressor(**QUICK).fit(x, np.full(len(x), 3.0))
    found = page_of(folder, model, x, y)
    assert "It predicts 3 for every row" in found.sections["answers"]
    assert "It is not better than guessing" in found.text
    assert "No column clearly changes the predictions" in found.text


def test_a_target_of_one_number_has_no_r2(prices: tuple[Any, Page], folder: Path) -> None:
    x, _ = houses()
    found = page_of(folder, prices[0], x, np.full(len(x), 50.0))
    assert "all true values are equal" in found.sections["scores"]


@pytest.mark.slow
def test_a_hundred_classes_are_told_in_a_table(folder: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(900, 3))
    y = np.array([f"class {int(c)}" for c in np.clip(x[:, 0] * 25 + 50, 0, 99)])
    model = hg.TabularClassifier(**QUICK).fit(x, y)
    found = page_of(folder, model, x[:400], y[:400])
    assert "would be unreadable" in found.sections["answers"]
    assert "Curves are shown for 5 of" in found.sections["answers"]
    assert "others" in found.sections["data"]


@pytest.mark.slow
def test_of_many_columns_those_that_matter_are_found(folder: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 90))
    model = hg.TabularRegressor(**QUICK).fit(x, 5 * x[:, 40] + x[:, 41])
    found = page_of(folder, model, x, 5 * x[:, 40] + x[:, 41])
    assert "20 of the 90 columns were shuffled" in found.sections["columns"]
    assert "most important column is x40" in found.text or "columns are x40" in found.text
    assert "50 more columns" in found.sections["data"]


@pytest.mark.slow
def test_of_very_many_rows_some_are_judged(
    model: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handgrad.tables.reporting.scores.MOST_ROWS", 100)
    found = page_of(folder, model, IRIS_X, NAMES)
    assert "a random sample of 100 of the 150 held-out rows" in found.text
    assert "On 100 rows held out" in found.text


def test_a_pipeline_that_ends_in_a_perceptron(folder: Path) -> None:
    perceptron = hg.MLPClassifier(
        early_stopping=True, max_iter=40, tol=1.0, n_iter_no_change=5, random_state=0
    )
    model = make_pipeline(StandardScaler(), perceptron).fit(IRIS_X[TRAINING], NAMES[TRAINING])
    rows = {"training": (IRIS_X[TRAINING], NAMES[TRAINING])}
    found = page_of(folder, model, IRIS_X[HELD], NAMES[HELD], **rows)
    assert "Accuracy by epoch" in found.sections["training"]
    assert "The model has the weights of the best epoch" in found.sections["training"]
    assert "could not be examined" not in found.sections["doctor"]
    assert "StandardScaler()" in found.sections["repeat"]


@pytest.mark.slow
def test_models_from_files_and_with_an_encoder_before_them(folder: Path) -> None:
    x, y = houses()
    model = make_pipeline(hg.tables.TableEncoder(), hg.MLPRegressor(solver="lbfgs", tol=0.1))
    model.fit(x[:120], y[:120])
    loaded = hg.load(hg.save(model, folder / "model.safetensors"))
    rows = {"training": (x[:120], y[:120])}
    found = page_of(folder, loaded, x[120:], y[120:], **rows)
    assert "category of 3 values" in found.sections["data"]
    assert "could not be examined" not in found.sections["doctor"]
    nets = hg.TabularRegressor(**QUICK).fit(x[:120], y[:120])
    loaded = hg.load(hg.save(nets, folder / "model.safetensors"))
    text = page_of(folder, loaded, x[120:], y[120:]).sections["training"]
    assert "no training history" in text
    assert nets.history_ is not None


def test_a_loss_that_gives_no_probabilities(folder: Path) -> None:
    model = hg.MLPClassifier(solver="lbfgs", loss="hinge", tol=0.1, random_state=0)
    model.fit(IRIS_X, IRIS_Y > 0)
    found = page_of(folder, model, IRIS_X, IRIS_Y > 0)
    assert "has no probabilities" in found.sections["answers"]
    assert "Accuracy" in found.sections["scores"]
    assert "Log loss" not in found.sections["scores"]


@pytest.mark.slow
def test_without_a_history_it_says_so_and_takes_one(folder: Path) -> None:
    model = hg.MLPClassifier(solver="lbfgs", random_state=0).fit(IRIS_X, NAMES)
    found = page_of(folder, model, IRIS_X, NAMES)
    assert "no training history" in found.sections["training"]
    history = hg.training.History(
        [hg.training.EpochReport(1, 0.7), hg.training.EpochReport(2, 0.5)], "it was enough"
    )
    found = page_of(folder, model, IRIS_X, NAMES, history=history)
    assert "2 epochs: it was enough" in found.sections["training"]


def test_the_doctors_findings_are_told_with_their_advice(folder: Path) -> None:
    x = 1e4 * IRIS_X
    model = hg.MLPClassifier(solver="sgd", max_iter=3, random_state=0)
    with pytest.warns(ConvergenceWarning):
        model.fit(x, NAMES)
    text = page_of(folder, model, x, NAMES).sections["doctor"]
    assert "Unscaled inputs" in text
    assert "Try: " in text


def test_what_was_looked_for_is_said_where_nothing_was_found(
    iris: Page, model: Any, folder: Path
) -> None:
    short = hg.TabularClassifier(n_members=2, epochs=2, random_state=0)
    short.fit(IRIS_X[TRAINING], NAMES[TRAINING])
    rows = {"training": (IRIS_X[TRAINING], NAMES[TRAINING])}
    sections = page_of(folder, short, IRIS_X[HELD], NAMES[HELD], **rows).sections
    assert "The best epoch of 2 of 2 nets is the last, 2 of 2" in sections["doctor"]
    assert "It was still improving: the best epoch of 2" in sections["training"]
    loaded = hg.load(hg.save(model, folder / "iris.safetensors"))  # which has no history
    text = page_of(folder, loaded, IRIS_X[HELD], NAMES[HELD], **rows).sections["doctor"]
    assert "The checks that were made have no findings; 2 were skipped." in text
    assert "learning rate: fewer than 5 epochs" in text
    assert "still improving: fewer than two epochs with a validation loss" in text
    assert "No problems" not in text
    made = text[text.index("Checks made: ") : text.index("Checks skipped:")]
    assert made.startswith("Checks made: repeated groups, dates within the training period, target")
    assert "unscaled inputs" in made
    assert "learning rate" not in made
    assert "All is well" not in iris.text


@pytest.mark.slow
def test_no_problems_are_told_only_if_each_check_was_made(folder: Path) -> None:
    model = hg.TabularClassifier(n_members=2, epochs=24, random_state=0)
    x, y = hg.data.load("wine")
    held = np.arange(len(y)) % 4 == 0
    model.fit(x[~held], y[~held])
    found = page_of(folder, model, x[held], y[held], training=(x[~held], y[~held]))
    assert (
        "No problems were found by any of the checks below; there may be others."
        in (found.sections["doctor"])
    )
    assert "Checks skipped" not in found.sections["doctor"]


def test_a_column_that_gives_the_target_away_is_told_at_the_top(folder: Path) -> None:
    x = pd.DataFrame({"petal": IRIS_X[:, 2], "name": np.char.upper(NAMES)})
    model = hg.TabularClassifier(**QUICK).fit(x[TRAINING], NAMES[TRAINING])
    rows = {"training": (x[TRAINING], NAMES[TRAINING])}
    found = page_of(folder, model, x[HELD], NAMES[HELD], **rows)
    said = "olumn “name”: it alone predicts 100.0% of 150 rows correctly: is it known at the time"
    assert f"C{said}" in found.sections[""]
    assert "Target leakage: column “name”" in found.sections["doctor"]
    assert "No problems were found" not in found.sections["doctor"]


def test_inputs_that_are_not_scaled_are_called_by_the_names_of_their_columns(folder: Path) -> None:
    x = pd.DataFrame(IRIS_X, columns=["a", "b", "c", "d"]).assign(c=1e4 * IRIS_X[:, 2])
    model = hg.MLPClassifier(solver="sgd", learning_rate_init=1e-9, max_iter=3, random_state=0)
    with pytest.warns(ConvergenceWarning):
        model.fit(x, NAMES)
    text = page_of(folder, model, x, NAMES).sections["doctor"]
    assert "Column 'c' is about" in text
    assert "counted from 0" not in text


@pytest.mark.slow
def test_which_class_the_curves_take_as_positive_is_said(folder: Path) -> None:
    x = IRIS_X[:, :2]
    two = np.where(NAMES == "setosa", "fraud", "ok")
    model = hg.TabularClassifier(**QUICK).fit(x, two)
    found = page_of(folder, model, x, two)
    text = found.sections["answers"]
    assert "The curves take “fraud” as the positive class, the rarer one" in text
    precise = metrics.average_precision_score(two == "fraud", model.predict_proba(x)[:, 0])
    assert f"fraud (AP = {precise:.2f})" in found.text
    assert "probability of fraud" in found.sections["columns"]
    assert "probability of ok" not in found.text
    half = IRIS_Y < 2
    model = hg.TabularClassifier(**QUICK).fit(x[half], two[half])
    text = page_of(folder, model, x[half], two[half]).sections["answers"]
    assert (
        "“ok” as the positive class, the second in order, since both are equally frequent" in text
    )


@pytest.mark.slow
def test_a_binary_and_a_poisson_net_can_be_examined(folder: Path) -> None:
    binary = hg.MLPClassifier(solver="lbfgs", random_state=0).fit(IRIS_X, IRIS_Y > 0)
    counts = hg.MLPRegressor("poisson", solver="lbfgs", tol=1, random_state=0).fit(IRIS_X, IRIS_Y)
    for model, y in ((binary, IRIS_Y > 0), (counts, IRIS_Y)):
        found = page_of(folder, model, IRIS_X, y, training=(IRIS_X, y))
        assert "could not be examined" not in found.sections["doctor"]


@pytest.mark.slow
def test_the_same_report_twice_is_the_same(model: Any, folder: Path) -> None:
    first, second = (page_of(folder, model, IRIS_X, NAMES).source for _ in range(2))
    assert first == second

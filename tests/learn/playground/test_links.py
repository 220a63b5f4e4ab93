"""States go into links and come back, in the page and in Python; TensorFlow Playground's open."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handgrad.learn.playground.base64url import packed
from handgrad.learn.playground.schema import alternatives, choices, schema_at
from handgrad.learn.playground.state import LAYER, SETS, State, fitting, state_in, state_of
from handgrad.textbook.errors import SettingError
from tests.learn.playground.in_node import HAS_NODE, fragment_of, in_page

READ = "({ links }) => links.map((link) => stateIn(link))"
WRITTEN = """({ states }) => states.map((given) => {
  const { state, problems } = stateOf(given);
  return { state, problems, link: fragmentOf(state) };
})"""

numbers = st.floats(allow_nan=False, allow_infinity=False)
rates = st.floats(0, 100, exclude_min=True)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
seeds = st.integers(0, 2**32 - 1)
SETTINGS: dict[str, st.SearchStrategy[Any]] = {
    "betas": st.lists(st.floats(0, 0.99), min_size=2, max_size=2),
    "nesterov": st.booleans(),
    "cycles": st.integers(1, 20),
    "epochs": st.integers(1, 10**6),
    **{
        name: st.floats(0.001, 0.999)
        for name in ("rise", "share", "every", "gamma", "growth", "end")
    },
}


def named(field: str, needed: str) -> st.SearchStrategy[dict[str, Any]]:
    """A name with some of its settings."""
    kinds = alternatives(schema_at(field))

    def settings_of(name: str) -> st.SearchStrategy[dict[str, Any]]:
        keys = kinds[name]["properties"].keys() - {"name"}
        own = {key: SETTINGS.get(key, st.floats(0.001, 0.9)) for key in sorted(keys)}
        needs = {key: own.pop(key) for key in [needed]}
        return st.fixed_dictionaries({"name": st.just(name), **needs}, optional=own)

    return st.sampled_from([*kinds]).flatmap(settings_of)


LAYERS = schema_at("layers")["items"]["properties"]
layers = st.fixed_dictionaries(
    {
        "units": st.integers(1, 256),
        "activation": st.sampled_from(choices(LAYERS["activation"])),
        "normalization": st.sampled_from([None, "BatchNorm", "LayerNorm"]),
        "dropout": st.floats(0, 0.95),
        "frozen": st.booleans(),
    }
)
events = st.lists(
    st.one_of(
        st.fixed_dictionaries({"set": st.fixed_dictionaries({"learning_rate": rates})}),
        st.fixed_dictionaries({"weights": st.just(packed(np.arange(3)))}),
    ),
    max_size=4,
).map(lambda found: [{"step": 3 * i, **event} for i, event in enumerate(found)])
PARTS: dict[str, st.SearchStrategy[Any]] = {
    "inputs": st.lists(words.filter(bool), min_size=1, max_size=5, unique=True),
    "share": st.floats(1, 99),
    "batch_size": st.integers(1, 10000),
    "shuffle": st.booleans(),
    "seed": seeds,
    "layers": st.lists(layers, max_size=12),
    "initializer": st.sampled_from(choices(schema_at("initializer"))),
    "optimizer": named("optimizer", "learning_rate"),
    "schedule": st.none() | named("schedule", "epochs"),
    "penalty": st.none() | named("penalty", "alpha"),
    "clip": st.none() | rates,
    "stop": st.none() | st.dictionaries(st.sampled_from(["epoch", "patience"]), st.integers(1, 9)),
    "events": events,
    "at": st.fixed_dictionaries({"step": st.integers(0, 2**53 - 1)}),
    "exact": st.booleans(),
    "view": st.dictionaries(words, st.one_of(words, st.booleans(), st.integers(-9, 9)), max_size=3),
    "hide": st.lists(words.filter(bool), max_size=3, unique=True),
    "language": st.sampled_from([None, "en", "zh"]),
    "tutorial": words,
}  # fmt: skip
toy = st.one_of(
    *(
        st.fixed_dictionaries(
            {"kind": st.sampled_from(fitting(SETS, problem)), "problem": st.just(problem)},
            optional={
                "n": st.integers(4, 10000),
                "noise": st.floats(0, 50),
                "seed": seeds,
                "formula": words,
                "classes": st.integers(2, 6),
            },
        )
        for problem in choices(schema_at("data", "problem"))
    )
)
states = st.fixed_dictionaries({"data": toy}, optional=PARTS)


@pytest.mark.slow
@HAS_NODE
@settings(max_examples=12)
@given(st.lists(states, min_size=20, max_size=20))
def test_states_are_alike_in_page_and_python_and_come_back_from_links(
    many: list[dict[str, Any]],
) -> None:
    found = in_page({"state": "stateOf", "links": "fragmentOf"}, WRITTEN, {"states": many})
    links = [f"#{page['link']}" for page in found]
    expected = [state_of(parts) for parts in many]
    for page, state, link in zip(found, expected, links, strict=True):
        assert page["problems"] == []
        assert page["state"] == state
        assert state_in(f"x.html{link}") == state
    read = in_page({"links": "stateIn"}, READ, {"links": links})
    assert [page["problems"] for page in read] == [[]] * len(links)
    assert [page["state"] for page in read] == expected


ROWS = {
    "names": ["a"],
    "classes": ["no", "yes"],
    "x": packed(np.arange(2)),
    "y": packed(np.arange(2)),
}
BROKEN = (
    "v=1&noise=abc", "v=1&noise=51", "v=1&noise=0x10", "v=1&n=3.5", "v=1&data=nonsense",
    "v=1&zzz=1",
    "v=1&inputs=", "v=1&inputs=x1;x1", "v=1&layers=8:Foo", "v=1&layers=0", "v=1&layers=8:Tanh:a=1",
    "v=1&layers=8:Tanh:dropout", "v=1&layers=,", "v=1&optimizer=Adam:betas=0.9",
    "v=1&optimizer=adam",
    "v=1&optimizer=SGD:eps=1", "v=1&optimizer=SGD:learning_rate=0", "v=1&schedule=cosine:epochs=0",
    "v=1&stop=x", "v=1&stop=%7B%22epoch%22:0%7D", "v=1&stop=[]", "v=1&rows=%7B%7D", "v=1&view=3",
    "v=1&events=[%7B%22step%22:-1%7D]", "v=1&events=%7B%7D", "v=1&tutorial=%E0%A4%A", "v=1&a=%zz",
    "v=1&tutorial=%FF", "v=2", "v=", "v=x", "v=1&problem=regression&data=circle", "v=1&data=rows",
    "v=1&problem=regression&loss=HingeLoss", "v=1&loss=MSELoss", "v=1&clip=0", "v=1&clip=NaN",
    "v=1&data=gauss&classes=3&loss=HingeLoss", "v=1&shuffle=yes", "v=1&language=fr", "v=1&step=-1",
    "v=1&rows=" + quote(json.dumps({**ROWS, "y": packed(np.array([0, 2]))})),
    "v=1&rows=" + quote(json.dumps({**ROWS, "x": packed(np.array([0, np.nan]))})),
    "v=1&rows=" + quote(json.dumps({**ROWS, "x": "A"})),
    "v=1&problem=classification&rows=" + quote(json.dumps({**ROWS, "classes": None})),
)  # fmt: skip


@HAS_NODE
def test_a_broken_link_is_told_of_by_both() -> None:
    found = in_page({"links": "stateIn"}, READ, {"links": BROKEN})
    for link, page in zip(BROKEN, found, strict=True):
        assert page["problems"], link
        assert all({"key", "field"} <= problem.keys() for problem in page["problems"])
        state_of(page["state"])  # what opens is whole
        with pytest.raises(SettingError):
            state_in(link)


HIDING = "#data=spiral&hide=optimizer,loss,initializer,penalty,schedule&tutorial=inputs"


@HAS_NODE
@pytest.mark.parametrize("sign", [",", ";"])
def test_names_of_what_is_hidden_are_separated_by_commas_or_semicolons(sign: str) -> None:
    link = HIDING.replace(",", sign)
    [page] = in_page({"links": "stateIn"}, READ, {"links": [link]})
    names = ["optimizer", "loss", "initializer", "penalty", "schedule"]
    expected = state_of({"data": {"kind": "spiral"}, "hide": names, "tutorial": "inputs"})
    assert page == {"state": expected, "problems": []}
    assert state_in(link) == expected


DOCUMENTS = Path(__file__).parents[3] / "docs"
IN_DOCUMENTS = {
    link
    for document in [*DOCUMENTS.rglob("*.md"), *DOCUMENTS.parent.glob("README*.md")]
    for link in re.findall(r"playground\.html#[^\s`)\"]+", document.read_text("utf-8"))
}


@HAS_NODE
def test_links_in_documents_open_as_they_say() -> None:
    assert IN_DOCUMENTS
    links = [link.partition("#")[2] for link in sorted(IN_DOCUMENTS)]
    for link, page in zip(
        links, in_page({"links": "stateIn"}, READ, {"links": links}), strict=True
    ):
        assert page == {"state": state_in(link), "problems": []}


@HAS_NODE
def test_a_comma_in_a_name_or_a_formula_separates_nothing() -> None:
    parts = {"hide": ["a,b", "c;d%2C"], "inputs": ["maximum(x1, x2)", "x1%2C"]}
    [page] = in_page({"links": "stateIn"}, READ, {"links": [f"#{fragment_of(state_of(parts))}"]})
    assert page == {"state": state_of(parts), "problems": []}
    assert state_in(fragment_of(state_of(parts))) == state_of(parts)


@HAS_NODE
def test_a_list_that_does_not_fit_is_told_how_it_is_separated() -> None:
    links = ["v=1&hide=loss,loss", "v=1&inputs=x1;x1"]
    found = in_page({"links": "stateIn"}, READ, {"links": links})
    assert [page["problems"][0]["key"] for page in found] == ["names", "texts"]
    with pytest.raises(SettingError, match=r"different names .* separated by “,” or “;”"):
        state_in(links[0])


def test_an_old_link_of_another_playground_is_not_replayed() -> None:
    with pytest.raises(SettingError, match="without its version"):
        state_in("https://playground.tensorflow.org/#activation=tanh&batchSize=10")


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"share": 0}, r"share = 0\n\s+expected: a number from 1 to 99"),
        ({"nois": 3}, "nois in a state"),
        ({"data": {"kind": "plane"}, "loss": "HingeLoss"}, "HingeLoss in a regression"),
        ({"version": 3}, "a state of version 3"),
    ],
)
def test_what_is_wrong_is_said(parts: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        state_of(parts)


def test_rows_in_a_state_make_it_a_state_of_rows() -> None:
    state = state_of({"data": {"rows": ROWS}})
    assert state["data"]["kind"] == "rows"
    assert state["data"]["problem"] == "classification"
    assert state_in(fragment_of(state)) == state


def playground(**parts: Any) -> State:
    """A state as those links have it."""
    return state_of({"seed": 0, **parts})


TANH = {**LAYER}


def net(*units: int, activation: str | None = "Tanh") -> list[dict[str, Any]]:
    return [{**TANH, "units": n, "activation": activation} for n in units]


def sgd(rate: float) -> dict[str, Any]:
    return {"name": "SGD", "learning_rate": rate}


REST = "&playButton_hide=false&hideText=false&collectStats=false&initZero=false"
OLD_LINKS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("#activation=tanh&batchSize=10&dataset=circle&regDataset=reg-plane&learningRate=0.03"
     "&regularizationRate=0&noise=0&networkShape=4,2&seed=0.12345&showTestData=false"
     "&discretize=false&percTrainData=50&x=true&y=true&xTimesY=false&xSquared=false"
     "&ySquared=false&cosX=false&sinX=false&cosY=false&sinY=false&problem=classification" + REST,
     {"seed": 12345, "data": {"seed": 12345}}),
    ("#activation=relu&regularization=L1&batchSize=30&dataset=spiral&regDataset=reg-gauss"
     "&learningRate=0.1&regularizationRate=0.003&noise=15&networkShape=8,8,4&seed=0.68187"
     "&showTestData=true&discretize=true&percTrainData=70&x=true&y=true&xTimesY=true"
     "&xSquared=true&ySquared=true&cosX=false&sinX=true&cosY=false&sinY=true"
     "&problem=classification" + REST,
     {"data": {"kind": "spiral", "noise": 15, "seed": 68187}, "seed": 68187, "share": 70,
      "inputs": ["x1", "x2", "x1**2", "x2**2", "x1*x2", "sin(x1)", "sin(x2)"], "batch_size": 30,
      "layers": net(8, 8, 4, activation="ReLU"), "optimizer": sgd(0.1),
      "penalty": {"name": "L1Penalty", "alpha": 0.003},
      "view": {"test": True, "discretize": True}}),
    ("#activation=sigmoid&regularization=L2&batchSize=1&dataset=xor&learningRate=3"
     "&regularizationRate=10&noise=50&networkShape=1&percTrainData=10&xTimesY=true&x=false&y=false",
     {"data": {"kind": "xor", "noise": 50}, "inputs": ["x1*x2"], "share": 10, "batch_size": 1,
      "layers": net(1, activation="Sigmoid"), "optimizer": sgd(3),
      "penalty": {"name": "L2Penalty", "alpha": 10}}),
    ("#activation=linear&dataset=gauss&networkShape=&learningRate=0.00001&percTrainData=90",
     {"data": {"kind": "gauss"}, "layers": net(4, 2, activation=None), "share": 90,
      "optimizer": sgd(0.00001)}),
    ("#problem=regression&regDataset=reg-plane&dataset=xor&networkShape=2,2&activation=linear",
     {"data": {"kind": "plane"}, "layers": net(2, 2, activation=None)}),
    ("#problem=regression&regDataset=reg-gauss&networkShape=8,8,8,8,8,8&seed=0.00042&noise=5",
     {"data": {"kind": "multi-gauss", "noise": 5, "seed": 42}, "seed": 42,
      "layers": net(8, 8, 8, 8, 8, 8)}),
    ("#dataset=circle&cosX=true&cosY=true&initZero=true&networkShape=3",
     {"inputs": ["x1", "x2", "cos(x1)", "cos(x2)"], "initializer": "zeros", "layers": net(3)}),
    ("#dataset=spiral&hideText=true&playButton_hide=true&learningRate_hide=true"
     "&numHiddenLayers_hide=true&percTrainData_hide=false&stepButton_hide=true",
     {"data": {"kind": "spiral"}, "hide": ["play", "learning_rate", "layers", "step", "text"]}),
    ("#activation=tanh&tutorial=dp&showTestData=true", {"tutorial": "dp", "view": {"test": True}}),
    ("#regularization=none&regularizationRate=0.1&batchSize=24&dataset=gauss&noise=25",
     {"batch_size": 24, "data": {"kind": "gauss", "noise": 25}}),
)  # fmt: skip


@HAS_NODE
def test_ten_old_links_open_with_the_same_state() -> None:
    found = in_page({"links": "stateIn"}, READ, {"links": [link for link, _ in OLD_LINKS]})
    assert len(found) == 10
    for page, (_, parts) in zip(found, OLD_LINKS, strict=True):
        assert page == {"state": state_of(parts), "problems": []}


@HAS_NODE
def test_an_old_link_may_say_the_language_of_the_page() -> None:
    link = "#activation=relu&networkShape=8,8"
    links = [f"{link}&language=zh", f"{link}&language=en", link]
    found = in_page({"links": "stateIn"}, READ, {"links": links})
    assert [page["state"]["language"] for page in found] == ["zh", "en", None]
    assert [page["problems"] for page in found] == [[], [], []]


@HAS_NODE
def test_what_an_old_link_says_wrongly_is_told() -> None:
    links = ["#activation=gelu&dataset=circle", "#batchSize=many&x=true", "#x=false&y=false",
             "#dataset=circle&networkShape=8,a", "#noise=70&dataset=xor"]  # fmt: skip
    found = in_page({"links": "stateIn"}, READ, {"links": links})
    said = [[(p["key"], p["field"]) for p in page["problems"]] for page in found]
    assert said == [
        [("choice", "activation")],
        [("number", "batchSize")],
        [("noInputs", "inputs")],
        [("number", "networkShape")],
        [("between", "data.noise")],
    ]
    for page in found:
        state_of(page["state"])


MERGED = """({ changes }) => changes.reduce(
  ({ state, problems }, part) => {
    const made = merged(state, part);
    return { state: made.state, problems: [...problems, ...made.problems] };
  },
  { state: defaults(), problems: [] },
)"""


@HAS_NODE
@pytest.mark.parametrize(
    ("changes", "parts", "told"),
    [
        ([{"data": {"kind": "plane"}}], {"data": {"kind": "plane"}}, []),
        ([{"data": {"problem": "regression"}}], {"data": {"kind": "plane"}}, []),
        (
            [{"data": {"noise": 20}}, {"data": {"seed": 3}, "view": {"test": True}}],
            {"data": {"noise": 20, "seed": 3}, "view": {"test": True}},
            [],
        ),
        (
            [{"loss": "HingeLoss"}, {"data": {"kind": "gauss", "classes": 3}}],
            {"data": {"kind": "gauss", "classes": 3}},
            [],
        ),
        ([{"data": {"rows": ROWS}}], {"data": {"rows": ROWS}}, []),
        ([{"data": {"rows": ROWS}}, {"data": {"kind": "xor"}}], {"data": {"kind": "xor"}}, []),
        ([{"loss": "MSELoss"}], {}, ["loss"]),
        ([{"share": 0}, {"nonsense": 1}], {}, ["share", "nonsense"]),
    ],
)
def test_parts_change_a_state_and_what_they_leave_gives_way(
    changes: list[dict[str, Any]], parts: dict[str, Any], told: list[str]
) -> None:
    found = in_page({"state": "defaults, merged"}, MERGED, {"changes": changes})
    assert found["state"] == state_of(parts)
    assert [problem["field"] for problem in found["problems"]] == told

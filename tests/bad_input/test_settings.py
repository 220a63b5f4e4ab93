"""Settings and combinations that cannot work are refused before the first step."""

from typing import Any, cast

import numpy as np
import pytest

import handgrad as hg
from tests.bad_input.refused import refused

X = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
Y = np.arange(12) % 2


def classifier() -> hg.Net:
    return hg.Net(hg.Linear(3, 2, rng=0), hg.Softmax())


def fit(net: hg.Net, **options: Any) -> Any:
    usual: dict[str, Any] = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.SGD(0.1), "epochs": 3}
    options = usual | options
    return hg.fit(net, options.pop("data", (X, Y)), **options)


@pytest.mark.parametrize("name", ["epochs", "batch_size", "early_stopping"])
@pytest.mark.parametrize("value", [0, -1, 2.5, "10", True, float("nan"), np.array([3])])
def test_counts_must_be_whole_numbers_above_zero(name: str, value: Any) -> None:
    net = classifier()
    with refused(hg.errors.SettingError, f"{name} = ", "whole number above zero", net=net):
        fit(net, **{name: value})


@pytest.mark.parametrize("value", ["the rain, the wind " * 500, np.zeros((40, 30)), [[0] * 9] * 99])
def test_a_long_value_is_told_by_its_beginning_and_its_end(value: Any) -> None:
    net = classifier()
    for call in (
        lambda: fit(net, epochs=value),
        lambda: hg.LanguageModel().fit(cast("str", [value])),
    ):
        with pytest.raises(hg.HandgradError) as caught:
            call()
        assert " … " in caught.value.came
        assert len(caught.value.came) < 300
        assert "\n" not in caught.value.came


@pytest.mark.parametrize("value", [0, -1, 2.5, "10", True])
def test_sizes_patience_and_batches_must_be_whole_numbers_above_zero(value: Any) -> None:
    net = classifier()
    for call in (
        lambda: hg.Linear(value, 3),
        lambda: hg.Linear(3, value),
        lambda: hg.training.early_stopping(iter(()), net, patience=value),
        lambda: net.predict(X, batch_size=value),
        lambda: hg.evaluate(net, (X, Y), loss=hg.CrossEntropyLoss(), batch_size=value),
    ):
        with refused(hg.errors.SettingError, "whole number above zero", net=net):
            call()


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), "fast", True, None])
def test_a_learning_rate_must_be_a_number_above_zero(value: Any) -> None:
    with refused(hg.errors.SettingError, "learning_rate = ", "a number above zero"):
        hg.SGD(value)
    net = classifier()
    net.backward(net.forward(X))
    with refused(hg.errors.SettingError, "learning_rate = ", net=net):
        net.update(value)


@pytest.mark.parametrize("value", [(), [0.5, 1.0], (0.1, None), ("0.1",), {0.5}])
def test_each_of_several_quantiles_is_between_0_and_1(value: Any) -> None:
    with refused(hg.errors.SettingError, "q = ", "between 0 and 1"):
        hg.losses.QuantileLoss(value)


@pytest.mark.parametrize("value", [0, 1, -0.1, 2, float("nan"), "half", True, None])
def test_shares_of_losses_are_between_0_and_1(value: Any) -> None:
    for name, make in (
        ("q", hg.losses.QuantileLoss),
        ("label_smoothing", hg.losses.LabelSmoothingCrossEntropyLoss),
        ("alpha", lambda alpha: hg.losses.FocalLoss(alpha=alpha)),
    ):
        with refused(hg.errors.SettingError, f"{name} = ", "between 0 and 1"):
            make(value)


@pytest.mark.parametrize("value", [0, 1, 2, 2.5, float("nan"), "1.5", True, None])
def test_a_tweedie_power_is_between_1_and_2(value: Any) -> None:
    with refused(hg.errors.SettingError, "power = ", "between 1 and 2"):
        hg.losses.TweedieDevianceLoss(value)


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "two", True, None])
def test_sizes_of_losses_are_numbers(value: Any) -> None:
    with refused(hg.errors.SettingError, "delta = ", "a number above zero"):
        hg.losses.HuberLoss(value)
    with refused(hg.errors.SettingError, "gamma = ", "a finite number, at least 0"):
        hg.losses.FocalLoss(gamma=value)


@pytest.mark.parametrize("share", [0, 0.0, 1, 1.5, -0.2, float("nan")])
def test_a_validation_share_must_be_between_0_and_1(share: float) -> None:
    net = classifier()
    with refused(hg.errors.SettingError, "a number between 0 and 1", net=net):
        fit(net, validation=share)


@pytest.mark.parametrize("share", ["0.2", True, None])
def test_a_share_to_split_off_must_be_a_number(share: Any) -> None:
    with refused(hg.errors.SettingError, "a number between 0 and 1"):
        hg.data.train_test_split(X, Y, test_size=share)


def test_rows_that_cannot_be_split_are_refused() -> None:
    net = classifier()
    lonely = np.where(np.arange(12) == 0, 1, 0)
    with refused(hg.errors.DataError, "1 of 2 classes have a single row, for example 1", net=net):
        fit(net, data=(X, lonely), validation=0.2)
    with refused(hg.errors.DataError, "4 rows cannot be split", net=net):
        fit(net, data=(X[:4], Y[:4]), validation=0.05)
    with refused(hg.errors.DataError, "12 rows of x and 3 targets"):
        hg.data.train_test_split(X, Y[:3])
    with refused(hg.errors.DataError, "x: rows of different lengths"):
        hg.data.train_test_split([[1], [1, 2]], [0, 1])


@pytest.mark.parametrize("rng", ["0", 0.5, np.random.RandomState(0), np.random])
def test_a_random_source_that_cannot_spawn_streams_is_refused(rng: Any) -> None:
    net = classifier()
    with refused(hg.errors.SettingError, "rng=", net=net):
        fit(net, rng=rng)
    with refused(hg.errors.SettingError, "rng="):
        hg.data.train_test_split(X, Y, rng=rng)


KINDS: dict[str, tuple[str, Any, str]] = {
    "loss by name": ("loss", "mse", "loss=hg.CrossEntropyLoss()"),
    "no loss": ("loss", None, "loss=hg.CrossEntropyLoss()"),
    "loss class": ("loss", hg.MSELoss, "MSELoss(…), with parentheses"),
    "an optimizer as loss": ("loss", hg.SGD(0.1), "of type SGD"),
    "optimizer by name": ("optimizer", "sgd", "optimizer=hg.SGD(0.1)"),
    "optimizer class": ("optimizer", hg.SGD, "SGD(…), with parentheses"),
    "a loss as optimizer": ("optimizer", hg.MSELoss(), "of type MSELoss"),
}


@pytest.mark.parametrize("case", KINDS)
@pytest.mark.parametrize("validation", [None, 0.25])
def test_losses_and_optimizers_of_another_kind_are_refused(case: str, validation: Any) -> None:
    name, value, words = KINDS[case]
    net = classifier()
    with refused(hg.errors.SettingError, f"{name} = ", words, net=net):
        fit(net, validation=validation, **{name: value})
    if name == "loss":
        with refused(hg.errors.SettingError, "loss = ", words, net=net):
            hg.evaluate(net, (X, Y), loss=value)


@pytest.mark.parametrize("net", [None, hg.Linear(3, 2, rng=0), hg.Net])
def test_only_nets_are_trained(net: Any) -> None:
    with refused(hg.errors.SettingError, "net = "):
        fit(net)
    with refused(hg.errors.SettingError, "net = "):
        hg.evaluate(net, (X, Y), loss=hg.CrossEntropyLoss())


def test_a_net_without_layers_is_refused() -> None:
    for use in (fit, lambda net: hg.evaluate(net, (X, Y), loss=hg.CrossEntropyLoss())):
        with refused(hg.errors.SettingError, "a net without layers"):
            use(hg.Net())


@pytest.mark.parametrize("ending", [hg.Softmax, hg.Sigmoid])
def test_probabilities_are_not_handed_to_a_loss_on_logits(ending: Any) -> None:
    net = hg.Net(hg.Linear(3, 2, rng=0), ending())
    with refused(hg.errors.SettingError, "layer 2 of 2", f"remove {ending.__name__}()", net=net):
        fit(net, loss=hg.SoftmaxCrossEntropyLoss())


@pytest.mark.parametrize("name", ["SigmoidBinaryCrossEntropyLoss", "FocalLoss", "HingeLoss"])
def test_probabilities_of_yes_are_not_handed_to_a_loss_on_other_numbers(name: str) -> None:
    net = hg.Net(hg.Linear(3, 1, rng=0), hg.Sigmoid())
    words = ("layer 2 of 2", "any numbers", "remove Sigmoid(), or use BinaryCrossEntropyLoss()")
    with refused(hg.errors.SettingError, *words, net=net):
        fit(net, loss=getattr(hg.losses, name)())


def tenths(shape: Any, rng: Any) -> Any:
    return np.full(shape, 0.1)


@pytest.mark.parametrize("initializer", ["lecun_normal", "zeros", tenths])
def test_a_loss_on_probabilities_is_not_handed_other_numbers(initializer: Any) -> None:
    net = hg.Net(hg.Sigmoid(), hg.Linear(3, 2, rng=0, initializer=initializer))
    with refused(hg.errors.SettingError, "layer 2 of 2, Linear(3, 2", "Softmax()", net=net):
        fit(net)


def test_a_binary_loss_is_not_handed_other_numbers() -> None:
    net = hg.Net(hg.Linear(3, 1, rng=0))
    with refused(hg.errors.SettingError, "layer 1 of 1", "Sigmoid() as the last layer", net=net):
        fit(net, loss=hg.BinaryCrossEntropyLoss())


def test_one_column_is_not_enough_for_classes() -> None:
    net = hg.Net(hg.Linear(3, 1, rng=0), hg.Sigmoid())
    with refused(hg.errors.ShapeError, "(n, 1)", "BinaryCrossEntropyLoss()", net=net):
        fit(net)


def test_a_layer_that_loses_rows_is_refused() -> None:
    class Total(hg.Layer):
        def forward(self, x: Any) -> Any:
            return x.sum(axis=0, keepdims=True)

    net = hg.Net(hg.Linear(3, 2, rng=0), Total())
    with refused(hg.errors.ShapeError, "1 predictions for 4 of the rows", "layer 2 of 2", net=net):
        fit(net, loss=hg.MSELoss())


def test_weights_that_are_nan_already_are_not_blamed_on_the_training() -> None:
    net = classifier()
    net.layers[0].W[0, 0] = np.nan
    with refused(hg.errors.SettingError, "0.W of the net has NaN"):
        fit(net)


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        (["acuracy"], ("did you mean 'accuracy'?",)),
        (["Accuracy"], ("did you mean 'accuracy'?",)),
        ("rmse", ("did you mean 'root_mean_squared_error'?",)),
        (["mae"], ("did you mean 'mean_absolute_error'?",)),
        ([3], ("metric 3",)),
        (3, ("metrics = 3", "a list")),
        ([["accuracy"]], ("one of accuracy",)),
        ([dict], ("a class",)),
        ([lambda p, y: 1.0, lambda p, y: 2.0], ("'<lambda>', which is taken",)),
        ([lambda p, y: p], ("'<lambda>' failed on 12 rows: TypeError",)),
        ([lambda p: 1.0], ("'<lambda>' failed on 12 rows: TypeError", "positional argument")),
        ([lambda p, y: 1 / 0], ("ZeroDivisionError",)),
    ],
)
def test_metrics_that_cannot_be_computed_are_refused_before_training(
    metrics: Any, words: tuple[str, ...]
) -> None:
    net = classifier()
    with refused(hg.errors.SettingError, *words, net=net):
        fit(net, metrics=metrics)
    with refused(hg.errors.SettingError, *words, net=net):
        hg.evaluate(net, (X, Y), loss=hg.CrossEntropyLoss(), metrics=metrics)


def test_a_metric_named_loss_would_hide_the_loss() -> None:
    def loss(p: Any, y: Any) -> float:
        return 0.0

    net = classifier()
    with refused(hg.errors.SettingError, "'loss', which is taken", net=net):
        fit(net, metrics=[loss])


def test_metrics_for_numbers_are_refused_for_classes_and_the_other_way_round() -> None:
    net = classifier()
    for name in ("r2", "mean_squared_error", "root_mean_squared_error", "mean_absolute_error"):
        with refused(hg.errors.ShapeError, f"metric '{name}'", "'accuracy'", net=net):
            fit(net, metrics=[name])
    regressor = hg.Net(hg.Linear(3, 1, rng=0))
    for name in ("accuracy", "zero_one_loss"):
        with refused(
            hg.errors.DataError, f"metric '{name}'", "the target 3.5", "'r2'", net=regressor
        ):
            fit(regressor, loss=hg.MSELoss(), data=(X, np.full(12, 3.5)), metrics=[name])


@pytest.mark.parametrize("monitor", ["validation_loss", "acuracy", "loss", "r2"])
def test_what_is_not_reported_cannot_be_monitored(monitor: str) -> None:
    net = classifier()
    with refused(hg.errors.SettingError, repr(monitor), "train_loss, accuracy", net=net):
        fit(net, early_stopping=2, monitor=monitor)
    reports = hg.train(
        net, (X, Y), loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1), epochs=3, rng=0
    )
    with refused(hg.errors.SettingError, repr(monitor), net=net):
        list(hg.training.early_stopping(reports, net, monitor=monitor))


@pytest.mark.parametrize(
    "options", [{"n_samples": -5}, {"rng": -1}, {"n_classes": 9}, {"colour": "red"}]
)
def test_clusters_that_cannot_be_made_are_refused(options: Any) -> None:
    with refused(hg.errors.SettingError, "make_classification(100, 2, rng=0)"):
        hg.make_classification(**options)


@pytest.mark.parametrize(
    ("name", "hint"), [("irsi", "did you mean 'iris'?"), ("cifar", "read_table"), (3, "read_table")]
)
def test_a_data_set_that_is_not_bundled_is_refused(name: Any, hint: str) -> None:
    with refused(hg.errors.SettingError, f"data set {name!r}", "breast_cancer", hint):
        hg.data.load(name)

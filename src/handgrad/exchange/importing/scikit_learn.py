"""`from_sklearn`: converts a multilayer perceptron of scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handgrad.exchange.importing.parts import ACTIVATIONS, floating_array, linear, net_of
from handgrad.textbook.errors import SettingError
from handgrad.textbook.layers import Layer
from handgrad.textbook.net import Net

if TYPE_CHECKING:
    from sklearn.neural_network import MLPClassifier, MLPRegressor


def from_sklearn(mlp: MLPClassifier | MLPRegressor) -> Net:
    """Convert a fitted MLPClassifier or MLPRegressor of scikit-learn to a net.

    Parameters
    ----------
    mlp : MLPClassifier or MLPRegressor
        Fitted estimator.

    Returns
    -------
    Net
        The net with the same weights. It predicts `mlp.predict_proba(X)` of a classifier, for two
        classes only the probability of the second, (n, 1); or `mlp.predict(X)` of a regressor,
        (n, n_outputs).

    Raises
    ------
    SettingError
        For an estimator that is not fitted or has another activation.

    Examples
    --------
    >>> import handgrad as hg
    >>> from sklearn.neural_network import MLPRegressor
    >>> mlp = MLPRegressor(hidden_layer_sizes=(3,), solver="lbfgs", random_state=0)
    >>> net = hg.exchange.from_sklearn(mlp.fit([[0.0], [1.0], [2.0]], [1.0, 2.0, 3.0]))
    >>> net
    Net(Linear(1, 3, dtype=dtype('float64')), ReLU(), Linear(3, 1, dtype=dtype('float64')))
    >>> abs(net.predict([[0.5]])[0, 0] - mlp.predict([[0.5]])[0]) < 1e-6
    np.True_
    """
    if not (hasattr(mlp, "hidden_layer_sizes") and hasattr(mlp, "out_activation_")):
        fitted = hasattr(mlp, "hidden_layer_sizes")
        raise SettingError(
            f"{mlp!r}, {'which is not fitted' if fitted else 'a ' + type(mlp).__name__}",
            "a fitted MLPClassifier or MLPRegressor of scikit-learn",
            "mlp.fit(X, y) first"
            if fitted
            else "hg.exchange.from_sklearn(MLPClassifier().fit(X, y))",
        )
    layers: list[Layer] = []
    last = len(mlp.coefs_) - 1
    for i, (coef, intercept) in enumerate(zip(mlp.coefs_, mlp.intercepts_, strict=True)):
        layers.append(linear(floating_array(coef.T), floating_array(intercept)))
        name = mlp.out_activation_ if i == last else mlp.activation
        if name == "identity":
            continue
        if name not in ACTIVATIONS:
            raise SettingError(
                f"the activation {name!r} of {mlp!r}",
                f"identity, {', '.join(ACTIVATIONS)}",
                "an estimator with one of these activations",
            )
        layers.append(ACTIVATIONS[name]())
    return net_of(layers, repr(mlp))

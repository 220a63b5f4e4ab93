"""Losses for regression: distances between predicted and true numbers."""

from collections.abc import Sequence

import numpy as np

from handgrad.textbook.errors import SettingError, between_0_and_1, is_number, positive
from handgrad.textbook.kinds import Amounts, Counts, LogRates, PositiveAmounts, Quantiles
from handgrad.textbook.losses.loss import Loss
from handgrad.textbook.losses.weighting import mean_weights, weighted_mean
from handgrad.textbook.module import Array


class MSELoss(Loss):
    """Mean squared error loss: large errors count much more than small ones.

    forward     l = mean(e²), where e = p − y
    backward    dp = 2 e s, where s is each number's weight in the mean: 1 / size
    shapes      p, dp (n, …, k)    y as many numbers
    weights     w = sample_weight, (n,) or (n, …), of rows or positions
    source      Legendre, "Nouvelles méthodes pour la détermination des orbites des comètes", 1805

    >>> loss = MSELoss()
    >>> float(loss.forward(np.array([[1.0], [5.0]]), np.array([2.0, 2.0])))     # (1 + 9)/2
    5.0
    >>> loss.backward()                                            # 2·(−1)/2, 2·3/2
    array([[-1.],
           [ 3.]])
    """

    def forward(self, p: Array, y: Array, sample_weight: Array | None = None) -> float:
        self.w = sample_weight
        self.e = p - y.reshape(p.shape).astype(p.dtype)
        return weighted_mean(self.e**2, self.w)

    def backward(self, loss: object = None) -> Array:
        return 2 * self.e * mean_weights(self.w, self.e)


class MAELoss(Loss):
    """Mean absolute error loss: less sensitive to outliers than the squared error.

    forward     l = mean |e|, where e = p − y
    backward    dp = sign(e) s, where s is each number's weight in the mean: 1 / size
    shapes      p, dp (n, …, k)    y as many numbers
    weights     w = sample_weight, (n,) or (n, …), of rows or positions
    source      Laplace, "Sur quelques points du système du monde", 1793

    >>> loss = MAELoss()
    >>> float(loss.forward(np.array([[1.0], [5.0]]), np.array([2.0, 2.0])))     # (1 + 3)/2
    2.0
    >>> loss.backward()
    array([[-0.5],
           [ 0.5]])
    """

    def forward(self, p: Array, y: Array, sample_weight: Array | None = None) -> float:
        self.w = sample_weight
        self.e = p - y.reshape(p.shape).astype(p.dtype)
        return weighted_mean(np.abs(self.e), self.w)

    def backward(self, loss: object = None) -> Array:
        return np.sign(self.e) * mean_weights(self.w, self.e)


class HuberLoss(Loss):
    """Huber loss: half the squared error up to an error of `delta`, linear beyond it.

    forward     l = mean c (e − c/2), where e = p − y and c is e clipped to ±delta
    backward    dp = c s, where s is each number's weight in the mean: 1 / size
    shapes      p, dp (n, …, k)    y as many numbers
    weights     w = sample_weight, (n,) or (n, …), of rows or positions
    source      Huber, "Robust estimation of a location parameter", 1964, eq. 1.5

    `delta` is the error at which the loss becomes linear.

    >>> loss = HuberLoss(delta=1.0)
    >>> float(loss.forward(np.array([[2.5], [5.0]]), np.array([2.0, 2.0])))     # (1/8 + 5/2)/2
    1.3125
    >>> loss.backward()                                            # ½/2, 1/2
    array([[0.25],
           [0.5 ]])
    """

    def __init__(self, delta: float = 1.0) -> None:
        super().__init__()
        positive("delta", delta)
        self.delta = float(delta)

    def forward(self, p: Array, y: Array, sample_weight: Array | None = None) -> float:
        self.w = sample_weight
        e = p - y.reshape(p.shape).astype(p.dtype)
        self.c = np.clip(e, -self.delta, self.delta)
        return weighted_mean(self.c * (e - self.c / 2), self.w)

    def backward(self, loss: object = None) -> Array:
        return self.c * mean_weights(self.w, self.c)


class QuantileLoss(Loss):
    """Quantile (pinball) loss: errors below the target count `q`, errors above it 1 − `q`.

    forward     l = mean max(−q e, (1 − q) e), where e = p − y
    backward    dp = (sign(e) + 1 − 2q)/2 s: −q s below the target, (1 − q) s above it
    shapes      p, dp (n, …, k)    y as many numbers
    weights     w = sample_weight, (n,) or (n, …), of rows or positions
    source      Koenker, Bassett, "Regression quantiles", 1978, eq. 3.1

    The best prediction is the `q` quantile: with `QuantileLoss(0.9)`, nine of ten targets are below
    the prediction. With q = ½ it is half the absolute error. With several, `QuantileLoss((0.1,
    0.9))`, each column of p is a quantile of its own, and y has the target of a row in each column.

    >>> loss = QuantileLoss(0.75)
    >>> float(loss.forward(np.array([[1.0], [5.0]]), np.array([2.0, 2.0])))     # (¾·1 + ¼·3)/2
    0.75
    >>> loss.backward()                                            # −¾/2, ¼/2
    array([[-0.375],
           [ 0.125]])
    """

    def __init__(self, q: float | Sequence[float] = 0.5) -> None:
        super().__init__()
        self.q: float | tuple[float, ...]
        if isinstance(q, list | tuple) and q:
            for one in q:
                between_0_and_1("q", one)
            self.q = tuple(map(float, q))
        else:
            between_0_and_1("q", q)
            self.q = float(q)  # type: ignore[arg-type]
        self.input_kind = Quantiles(self.q)

    @property
    def default_metrics(self) -> tuple[str, ...]:
        return ()

    def forward(self, p: Array, y: Array, sample_weight: Array | None = None) -> float:
        self.w = sample_weight
        self.e = p - y.reshape(p.shape).astype(p.dtype)
        q = in_data_type_of(self.e, self.q)
        return weighted_mean(np.maximum(-q * self.e, (1 - q) * self.e), self.w)

    def backward(self, loss: object = None) -> Array:
        q = in_data_type_of(self.e, self.q)
        return (np.sign(self.e) + (1 - 2 * q)) / 2 * mean_weights(self.w, self.e)


def in_data_type_of(e: Array, q: float | tuple[float, ...]) -> Array | float:
    """Convert several numbers `q` to an array of the data type of `e`; one number stays itself."""
    return np.array(q, e.dtype) if isinstance(q, tuple) else q


class PoissonNLLLoss(Loss):
    """Poisson negative log-likelihood loss on log rates: for counts, with rate e^z.

    forward     l = mean(e^z − y z), without log y!, which does not depend on z
    backward    dz = (e^z − y) s, where s is each number's weight in the mean: 1 / size
    shapes      z, dz (n, …, k)    y as many numbers from 0 on
    weights     w = sample_weight, (n,) or (n, …), of rows or positions
    source      McCullagh, Nelder, "Generalized Linear Models", 1989, section 6.2

    Half of scikit-learn's mean Poisson deviance is this plus mean(y log y − y).

    >>> loss = PoissonNLLLoss()
    >>> float(loss.forward(np.array([[0.0], [0.0]]), np.array([3.0, 0.0])))     # e⁰ − 3·0, e⁰
    1.0
    >>> loss.backward()                                            # (1 − 3)/2, (1 − 0)/2
    array([[-1. ],
           [ 0.5]])
    """

    input_kind = LogRates()
    target_kind = Counts()

    def forward(self, z: Array, y: Array, sample_weight: Array | None = None) -> float:
        self.w = sample_weight
        self.y = y.reshape(z.shape).astype(z.dtype)
        self.rate = np.exp(z)
        return weighted_mean(self.rate - self.y * z, self.w)

    def backward(self, loss: object = None) -> Array:
        return (self.rate - self.y) * mean_weights(self.w, self.rate)


class GammaDevianceLoss(Loss):
    """Gamma deviance loss on log means: for amounts above 0, whose spread grows with their mean.

    forward     l = 2 mean(r + z − log y − 1), where r = y / m, and m = e^z is the predicted mean
    backward    dz = 2 (1 − r) s, where s is each number's weight in the mean: 1 / size
    shapes      z, dz (n, …, k)    y as many numbers above 0
    weights     w = sample_weight, (n,) or (n, …), of rows or positions
    source      McCullagh, Nelder, "Generalized Linear Models", 1989, chapter 8

    The same as scikit-learn's `mean_gamma_deviance` of the means: r − log r − 1, as log r is
    log y − z. Only the ratio r counts, not the unit of the amounts.

    >>> loss = GammaDevianceLoss()
    >>> float(loss.forward(np.array([[0.0], [0.0]]), np.array([1.0, 2.0])).round(6))    # 1 − log 2
    0.306853
    >>> loss.backward()                                            # 2 (1 − 1)/2, 2 (1 − 2)/2
    array([[ 0.],
           [-1.]])
    """

    input_kind = LogRates()
    target_kind = PositiveAmounts()

    def forward(self, z: Array, y: Array, sample_weight: Array | None = None) -> float:
        self.w = sample_weight
        y = y.reshape(z.shape).astype(z.dtype)
        self.r = y * np.exp(-z)
        return weighted_mean(2 * (self.r + z - np.log(y) - 1), self.w)

    def backward(self, loss: object = None) -> Array:
        return 2 * (1 - self.r) * mean_weights(self.w, self.r)


class TweedieDevianceLoss(Loss):
    """Tweedie deviance loss on log means: for amounts of which many are 0, such as claims.

    forward     l = 2 mean(y^b/(a b) − v/a + u/b), where u = m^b, v = y m^a, and m = e^z is the
                predicted mean, with a = 1 − power and b = 2 − power
    backward    dz = 2 (u − v) s, where s is each number's weight in the mean: 1 / size
    shapes      z, dz (n, …, k)    y as many numbers from 0 on
    weights     w = sample_weight, (n,) or (n, …), of rows or positions
    source      Jørgensen, "Exponential Dispersion Models", 1987

    The same as scikit-learn's `mean_tweedie_deviance` of the means. The variance of a target grows
    as m^power. Between 1, the `power` of Poisson counts, and 2, that of gamma amounts, a target is
    the sum of a Poisson number of gamma amounts.

    >>> loss = TweedieDevianceLoss(power=1.5)
    >>> float(loss.forward(np.array([[0.0], [0.0]]), np.array([1.0, 4.0])))     # 0, −8 + 8 + 2
    2.0
    >>> loss.backward()                                            # 2 (1 − 1)/2, 2 (1 − 4)/2
    array([[ 0.],
           [-3.]])
    """

    input_kind = LogRates()
    target_kind = Amounts()

    def __init__(self, power: float = 1.5) -> None:
        super().__init__()
        if not is_number(power) or not 1 < power < 2:
            raise SettingError(
                f"power = {power!r}",
                "a number between 1 and 2",
                "power=1.5; PoissonNLLLoss() for 1, GammaDevianceLoss() for 2",
            )
        self.a, self.b = 1 - float(power), 2 - float(power)

    def forward(self, z: Array, y: Array, sample_weight: Array | None = None) -> float:
        self.w = sample_weight
        y = y.reshape(z.shape).astype(z.dtype)
        self.u = np.exp(self.b * z)
        self.v = y * np.exp(self.a * z)
        of_y = y**self.b / (self.a * self.b)
        return weighted_mean(2 * (of_y - self.v / self.a + self.u / self.b), self.w)

    def backward(self, loss: object = None) -> Array:
        return 2 * (self.u - self.v) * mean_weights(self.w, self.u)

"""A learned factor for each feature."""

import numpy as np
import numpy.typing as npt

from handgrad.textbook.errors import positive
from handgrad.textbook.layers.axes import leading_axes
from handgrad.textbook.layers.layer import Layer, Shape, floating
from handgrad.textbook.module import Array


class FeatureScale(Layer):
    """Feature scale: multiplies each feature by a learned factor, which starts as 1.

    forward     y = s x
    backward    dx = s dy      ds = Σ x dy over all leading axes
    shapes      x, y, dy, dx (n, …, n_features)    s, ds (n_features,)
    source      Holzmüller, Grinsztajn, Steinwart, "Better by Default: Strong Pre-Tuned MLPs and
                Boosted Trees on Tabular Data", 2024, section 3

    `n_features` may be (n_members, n_features), for an ensemble; s and ds have that shape then, and
    the type `dtype`. As the first layer it selects features: a factor near 0 leaves one out, sooner
    with a larger learning rate than that of the weights: `groups={"0.s":
    {"learning_rate_factor": 6.0}}`.

    >>> scale = FeatureScale(2)
    >>> scale.s = [2, 3]
    >>> scale.forward(np.array([[1.0, 10.0]]))                     # 2·1, 3·10
    array([[ 2., 30.]])
    >>> scale.backward(np.array([[5.0, 5.0]]))                     # 2·5, 3·5
    array([[10., 15.]])
    >>> scale.ds                                                   # 1·5, 10·5
    array([ 5., 50.])
    """

    param_names = ("s",)

    def __init__(
        self, n_features: int | tuple[int, ...], *, dtype: npt.DTypeLike = np.float32
    ) -> None:
        super().__init__()
        sizes = (n_features,) if isinstance(n_features, int | np.integer) else tuple(n_features)
        for size in sizes:
            positive("n_features", size, whole=True)
        self.n_in, self.dtype = int(sizes[-1]), floating(dtype)
        self.s = np.ones(sizes, dtype)

    @property
    def shape_in(self) -> Shape:
        """The shape of the factors, and any axes before it where it is (n_features,)."""
        return self.s.shape if self.s.ndim > 1 else (..., len(self.s))

    def forward(self, x: Array) -> Array:
        self.x = x
        return self.s * x

    def backward(self, dy: Array) -> Array:
        self.ds = (self.x * dy).sum(axis=leading_axes(dy, self.s.ndim))
        return self.s * dy

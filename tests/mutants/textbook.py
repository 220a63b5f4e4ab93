"""The pages broken: what, where, the text before and after, and the test that notices."""

from tests.mutants.run import Mutant

TANH_NET = "tests/worked_examples/test_tanh_softmax_cross_entropy.py::"
RELU_NET = "tests/worked_examples/test_relu_squared_error.py::"
OTHER_PAGES = "tests/worked_examples/test_other_pages.py::"
LAYERS = "tests/contracts/test_layers.py::"
OF_LAYER = "tests/oracle/test_stored.py::test_a_layers_output_and_gradients_are_pytorchs"
OF_STEPS = "tests/oracle/test_stored.py::test_every_weight_after_every_step_is_pytorchs"

LINEAR = "layers/linear.py"
ACTIVATIONS = "layers/activations.py"
SOFTMAX = "layers/softmax.py"
STANDARDIZE = "layers/standardize.py"

TEXTBOOK = [
    Mutant(
        "Linear: a transpose dropped in forward",
        LINEAR,
        "return x @ self.W.T + self.b",
        "return x @ self.W + self.b",
        f"{TANH_NET}test_forward_layer_by_layer_gives_the_numbers_on_paper",
    ),
    Mutant(
        "Linear: the bias dropped",
        LINEAR,
        "return x @ self.W.T + self.b",
        "return x @ self.W.T",
        f"{OF_LAYER}[Linear]",
    ),
    Mutant(
        "Linear: dW transposed",
        LINEAR,
        "self.dW = dz.T @ self.x",
        "self.dW = self.x.T @ dz",
        f"{TANH_NET}test_backward_layer_by_layer_gives_the_numbers_on_paper",
    ),
    Mutant(
        "Linear: dW accumulated, not overwritten",
        LINEAR,
        "self.dW = dz.T @ self.x",
        'self.dW = self.__dict__.get("dW", 0) + dz.T @ self.x',
        f"{LAYERS}test_backward_overwrites_and_can_be_repeated[Linear]",
    ),
    Mutant(
        "Linear: db a mean for a sum",
        LINEAR,
        "dz.sum(axis=0)",
        "dz.mean(axis=0)",
        f"{LAYERS}test_gradients_are_right[0-Linear]",
    ),
    Mutant(
        "Linear: db keeps the batch's axis",
        LINEAR,
        "dz.sum(axis=0)",
        "dz.sum(axis=0, keepdims=True)",
        f"{LAYERS}test_shapes_and_dtypes_are_kept[float32-Linear]",
    ),
    Mutant(
        "Linear: dx all zeros",
        LINEAR,
        "return dz @ self.W",
        "return 0 * (dz @ self.W)",
        f"{LAYERS}test_gradients_are_right[1-Linear]",
    ),
    Mutant(
        "Linear: the first batch's x kept for all later",
        LINEAR,
        "        self.x = x\n",
        '        self.x = self.__dict__.get("x", x)\n',
        f"{OF_STEPS}[relu, cross-entropy of logits]",
    ),
    Mutant(
        "Tanh: a sign flipped in the slope",
        ACTIVATIONS,
        "(1 - self.y**2) * dy",
        "(1 + self.y**2) * dy",
        f"{LAYERS}test_gradients_are_right[0-Tanh]",
    ),
    Mutant(
        "Tanh: the square dropped",
        ACTIVATIONS,
        "(1 - self.y**2) * dy",
        "(1 - self.y) * dy",
        f"{OF_LAYER}[Tanh]",
    ),
    Mutant(
        "ReLU: lets everything through backward",
        ACTIVATIONS,
        "(self.y > 0) * dy",
        "(self.y >= 0) * dy",
        f"{RELU_NET}test_backward_layer_by_layer_gives_the_numbers_on_paper[float32]",
    ),
    Mutant(
        "LeakyReLU: the slope squared in forward",
        ACTIVATIONS,
        "np.where(x > 0, x, self.a * x)",
        "np.where(x > 0, x, self.a**2 * x)",
        f"{OF_LAYER}[LeakyReLU]",
    ),
    Mutant(
        "LeakyReLU: slope 1 everywhere in backward",
        ACTIVATIONS,
        "np.where(self.x > 0, dy, self.a * dy)",
        "np.where(self.x > 0, dy, dy)",
        f"{OTHER_PAGES}test_leaky_relu_lets_the_share_a_of_the_rest_through",
    ),
    Mutant(
        "Sigmoid: a factor dropped in backward",
        ACTIVATIONS,
        "self.p * (1 - self.p) * dp",
        "self.p * dp",
        f"{LAYERS}test_gradients_are_right[0-Sigmoid]",
    ),
    Mutant(
        "Sigmoid: e to the plus x",
        ACTIVATIONS,
        "np.exp(-np.abs(x))",
        "np.exp(np.abs(x))",
        f"{OTHER_PAGES}test_sigmoid_is_one_over_one_plus_e_to_the_minus_x",
    ),
    Mutant(
        "Softmax: sums over the wrong axis",
        SOFTMAX,
        "e.sum(axis=1, keepdims=True)",
        "e.sum(axis=0, keepdims=True)",
        f"{OTHER_PAGES}test_softmax_multiplies_by_its_whole_jacobian",
    ),
    Mutant(
        "Softmax: the maximum not taken off",
        SOFTMAX,
        "np.exp(z - z.max(axis=1, keepdims=True))",
        "np.exp(z)",
        f"{OTHER_PAGES}test_softmax_of_huge_numbers_neither_overflows_nor_vanishes",
    ),
    Mutant(
        "Softmax: zeros returned by backward",
        SOFTMAX,
        "return pdp - self.p * pdp.sum(axis=1, keepdims=True)",
        "return 0 * pdp",
        f"{LAYERS}test_gradients_are_right[0-Softmax]",
    ),
    Mutant(
        "Softmax: the sum dropped in backward",
        SOFTMAX,
        "return pdp - self.p * pdp.sum(axis=1, keepdims=True)",
        "return pdp",
        f"{OF_LAYER}[Softmax]",
    ),
    Mutant(
        "Softmax: the sum over the whole batch",
        SOFTMAX,
        "pdp.sum(axis=1, keepdims=True)",
        "pdp.sum(keepdims=True)",
        f"{OF_LAYER}[Softmax]",
    ),
    Mutant(
        "Standardize: multiplies in backward",
        STANDARDIZE,
        "return dy / self.scale",
        "return dy * self.scale",
        f"{LAYERS}test_gradients_are_right[0-Standardize]",
    ),
    Mutant(
        "Standardize: a sign flipped in the inverse",
        STANDARDIZE,
        "Standardize(-self.mean / self.scale",
        "Standardize(self.mean / self.scale",
        f"{OTHER_PAGES}test_standardize_and_its_inverse",
    ),
    Mutant(
        "Standardize: the inverse's mean not scaled",
        STANDARDIZE,
        "Standardize(-self.mean / self.scale",
        "Standardize(-self.mean",
        f"{OTHER_PAGES}test_standardize_and_its_inverse",
    ),
    Mutant(
        "Standardize: what does not vary is not guarded",
        STANDARDIZE,
        "np.where(scale > 0, scale, 1.0)",
        "scale",
        f"{OTHER_PAGES}test_standardize_of_rows_takes_their_mean_and_standard_deviation",
    ),
    Mutant(
        "SGD: a sign flipped",
        "optimizers/sgd.py",
        "return w - learning_rate * dw",
        "return w + learning_rate * dw",
        f"{RELU_NET}test_one_epoch_of_train_gives_the_weights_on_paper[float32]",
    ),
]

"""The pages broken: what, where, the text before and after, and the test that notices."""

from tests.mutants.run import Mutant

TANH_NET = "tests/worked_examples/test_tanh_softmax_cross_entropy.py::"
RELU_NET = "tests/worked_examples/test_relu_squared_error.py::"
FIRST_WEIGHTS = "tests/worked_examples/test_initializers.py::"
OTHER_PAGES = "tests/worked_examples/test_other_pages.py::"
LAYERS = "tests/contracts/test_layers.py::"
OF_LAYER = "tests/oracle/test_stored.py::test_a_layers_output_and_gradients_are_pytorchs"
OF_STEPS = "tests/oracle/test_stored.py::test_every_weight_after_every_step_is_pytorchs"

LINEAR = "layers/linear.py"
ACTIVATIONS = "layers/activations.py"
GELU = "layers/gelu.py"
SOFTMAX = "layers/softmax.py"
STANDARDIZE = "layers/standardize.py"
NORMALIZATION = "layers/normalization.py"
DROPOUT = "layers/dropout.py"

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
        """e = np.exp(-np.abs(x))
        self.p = np.where(x >= 0, 1 / (1 + e)""",
        """e = np.exp(np.abs(x))
        self.p = np.where(x >= 0, 1 / (1 + e)""",
        f"{OTHER_PAGES}test_sigmoid_is_one_over_one_plus_e_to_the_minus_x",
    ),
    Mutant(
        "SiLU: the output's share dropped in backward",
        ACTIVATIONS,
        "(self.p + self.y * (1 - self.p)) * dy",
        "self.p * dy",
        f"{LAYERS}test_gradients_are_right[0-SiLU]",
    ),
    Mutant(
        "ELU: the slope below zero without a",
        ACTIVATIONS,
        "np.where(self.x > 0, dy, (self.y + self.a) * dy)",
        "np.where(self.x > 0, dy, (self.y + 1) * dy)",
        f"{OF_LAYER}[ELU]",
    ),
    Mutant(
        "ELU: what is positive enters the exponential",
        ACTIVATIONS,
        "self.y = np.maximum(x, 0) + self.a * np.expm1(np.minimum(x, 0))",
        "self.y = np.maximum(x, 0) + self.a * np.expm1(x)",
        f"{LAYERS}test_gradients_are_right[0-ELU]",
    ),
    Mutant(
        "SELU: another scale",
        ACTIVATIONS,
        "1.0507009873554804934",
        "1.0507",
        f"{OF_LAYER}[SELU]",
    ),
    Mutant(
        "SELU: the scale dropped in backward",
        ACTIVATIONS,
        "np.where(self.x > 0, self.s * dy",
        "np.where(self.x > 0, dy",
        f"{LAYERS}test_gradients_are_right[0-SELU]",
    ),
    Mutant(
        "Softplus: the positive part dropped",
        ACTIVATIONS,
        "return np.maximum(x, 0) + np.log1p(e)",
        "return np.log1p(e)",
        f"{OF_LAYER}[Softplus]",
    ),
    Mutant(
        "Mish: the softplus's slope dropped",
        ACTIVATIONS,
        "(1 - self.t**2) * self.p) * dy",
        "(1 - self.t**2)) * dy",
        f"{LAYERS}test_gradients_are_right[0-Mish]",
    ),
    Mutant(
        "GELU: the density not scaled",
        GELU,
        "/ (2 * np.pi) ** 0.5) * dy",
        ") * dy",
        f"{LAYERS}test_gradients_are_right[0-GELU]",
    ),
    Mutant(
        "erf: too few coefficients",
        GELU,
        "N = 36",
        "N = 16",
        f"{OF_LAYER}[GELU]",
    ),
    Mutant(
        "GELUTanh: the cube's slope dropped",
        GELU,
        "(1 + 3 * 0.044715 * self.x**2)",
        "(1 + 0.044715 * self.x**2)",
        f"{LAYERS}test_gradients_are_right[0-GELUTanh]",
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
        "xavier_normal: outputs forgotten",
        "initializers.py",
        "rng.normal(0, np.sqrt(2.0 / (shape[0] + shape[1])), shape)",
        "rng.normal(0, np.sqrt(2.0 / shape[1]), shape)",
        f"{FIRST_WEIGHTS}test_xavier_normal_has_the_root_of_two_over_inputs_and_outputs",
    ),
    Mutant(
        "lecun_uniform: the normal one's scale as bound",
        "initializers.py",
        "np.sqrt(3.0 / shape[1])",
        "np.sqrt(1.0 / shape[1])",
        f"{FIRST_WEIGHTS}"
        "test_the_uniform_ones_reach_root_three_times_the_standard_deviation_of_the_normal_ones",
    ),
    Mutant(
        "he_uniform: the square root forgotten",
        "initializers.py",
        "np.sqrt(6.0 / shape[1])",
        "6.0 / shape[1]",
        f"{FIRST_WEIGHTS}"
        "test_the_uniform_ones_reach_root_three_times_the_standard_deviation_of_the_normal_ones",
    ),
    Mutant(
        "orthogonal: the signs left as they fall",
        "initializers.py",
        "Q = Q * np.sign(np.diag(R))",
        "Q = Q * np.abs(np.sign(np.diag(R)))",
        f"{FIRST_WEIGHTS}test_every_turn_is_equally_likely",
    ),
    Mutant(
        "orthogonal: never turned on its side",
        "initializers.py",
        "Q if shape[0] >= shape[1] else Q.T",
        "Q",
        f"{FIRST_WEIGHTS}test_orthogonal_has_orthonormal_rows_or_columns[shape2]",
    ),
    Mutant(
        "LayerNorm: the part along z stays",
        NORMALIZATION,
        " - self.z * along_z)",
        ")",
        f"{LAYERS}test_gradients_are_right[0-LayerNorm]",
    ),
    Mutant(
        "LayerNorm: over the batch",
        NORMALIZATION,
        "d = x - x.mean(axis=1, keepdims=True)",
        "d = x - x.mean(axis=0, keepdims=True)",
        f"{OF_LAYER}[LayerNorm]",
    ),
    Mutant(
        "LayerNorm: dgamma without z",
        NORMALIZATION,
        """(self.z * dy).sum(axis=0), dy.sum(axis=0)
        dz""",
        """dy.sum(axis=0), dy.sum(axis=0)
        dz""",
        f"{LAYERS}test_gradients_are_right[0-LayerNorm]",
    ),
    Mutant(
        "BatchNorm: the mean's share dropped in backward",
        NORMALIZATION,
        "(self.dbeta + self.z * self.dgamma) / len(dy)",
        "(self.z * self.dgamma) / len(dy)",
        f"{LAYERS}test_gradients_are_right[0-BatchNorm]",
    ),
    Mutant(
        "BatchNorm: the batch followed in prediction too",
        NORMALIZATION,
        "/ len(dy) if self.training else dy",
        "/ len(dy)",
        f"{LAYERS}test_gradients_are_right_in_prediction[BatchNorm]",
    ),
    Mutant(
        "BatchNorm: the running variance biased",
        NORMALIZATION,
        "m * n / (n - 1) * var",
        "m * var",
        f"{OTHER_PAGES}test_batch_norm_learns_from_the_batch_and_predicts_by_what_it_remembers",
    ),
    Mutant(
        "BatchNorm: momentum the other way round",
        NORMALIZATION,
        "(1 - m) * self.running_mean + m * mean",
        "m * self.running_mean + (1 - m) * mean",
        f"{OTHER_PAGES}test_batch_norm_learns_from_the_batch_and_predicts_by_what_it_remembers",
    ),
    Mutant(
        "BatchNorm: the batch's own statistics in prediction",
        NORMALIZATION,
        "mean, var = self.running_mean, self.running_var",
        "mean, var = x.mean(axis=0), x.var(axis=0)",
        f"{OTHER_PAGES}test_batch_norm_learns_from_the_batch_and_predicts_by_what_it_remembers",
    ),
    Mutant(
        "Dropout: those that stay are not scaled",
        DROPOUT,
        "kept.astype(x.dtype) / (1 - self.p)",
        "kept.astype(x.dtype)",
        f"{OTHER_PAGES}test_dropout_leaves_out_what_is_drawn_and_scales_the_rest",
    ),
    Mutant(
        "Dropout: p is kept, not dropped",
        DROPOUT,
        ">= self.p",
        "< self.p",
        f"{OTHER_PAGES}test_dropout_leaves_out_what_is_drawn_and_scales_the_rest",
    ),
    Mutant(
        "Dropout: drops in prediction too",
        DROPOUT,
        """        if not self.training:
            return x
""",
        "",
        f"{OTHER_PAGES}test_dropout_leaves_out_what_is_drawn_and_scales_the_rest",
    ),
    Mutant(
        "Dropout: everything passes backward",
        DROPOUT,
        "return self.m * dy",
        "return dy",
        f"{LAYERS}test_gradients_are_right[0-Dropout]",
    ),
    Mutant(
        "SGD: a sign flipped",
        "optimizers/sgd.py",
        "return w - learning_rate * dw",
        "return w + learning_rate * dw",
        f"{RELU_NET}test_one_epoch_of_train_gives_the_weights_on_paper[float32]",
    ),
]

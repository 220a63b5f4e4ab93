"""Ensembles and tables broken: what, where, the text before and after, the test that notices."""

from tests.mutants.run import Mutant

LAYERS = "tests/contracts/test_layers.py::"
STORED = "tests/oracle/test_stored.py::test_a_layers_output_and_gradients_are_pytorchs"
LOSSES = "tests/contracts/test_losses.py::"
MEMBERS = "tests/worked_examples/test_losses.py::test_members_side_by_side_are_nets_of_their_own"
SIDE = "tests/engines/test_side_by_side.py::"
FEATURES = "tests/tabular/test_features.py::"
ESTIMATORS = "tests/tabular/test_estimators.py::"
TRAINED = "tests/tabular/test_members.py::"
BAD = "tests/bad_input/test_tabular.py::"

MUTANTS = [
    Mutant(
        "FeatureScale: the scale missing in dx",
        "layers/feature_scale.py",
        "        return self.s * dy",
        "        return dy",
        f"{STORED}[FeatureScale]",
    ),
    Mutant(
        "EnsembleLinear: a bias for all members together",
        "layers/ensemble.py",
        "self.db = du.sum(axis=0)",
        "self.db = du.sum(axis=(0, 1), keepdims=True)[0] + np.zeros_like(self.b)",
        f"{LAYERS}test_gradients_are_right[0-EnsembleLinear]",
    ),
    Mutant(
        "EnsembleLinear: one member's weights for all",
        "layers/ensemble.py",
        '"nmi,moi->nmo", self.x, self.W,',
        '"nmi,moi->nmo", self.x, self.W[:1] + 0 * self.W,',
        MEMBERS,
    ),
    Mutant(
        "features: codes of all columns from 0 on",
        "tabular/features.py",
        "feature.encoded(table[name], name) + first_code",
        "feature.encoded(table[name], name)",
        f"{FEATURES}test_codes_come_last_and_count_on_from_column_to_column",
    ),
    Mutant(
        "features: codes where the column stands",
        "tabular/features.py",
        "key=lambda item: item[1].n_codes > 0",
        "key=lambda item: 0",
        f"{FEATURES}test_codes_come_last_and_count_on_from_column_to_column",
    ),
    Mutant(
        "features: what comes once has a code of its own",
        "tabular/features.py",
        "kept[weights[kept] > w.min()]",
        "kept[weights[kept] > 0]",
        f"{FEATURES}test_codes_come_last_and_count_on_from_column_to_column",
    ),
    Mutant(
        "members: what is not known begins anywhere",
        "tabular/members.py",
        "embedding.E[:, unknown] = 0.0",
        "",
        f"{ESTIMATORS}test_a_category_of_many_values_is_embedded",
    ),
    Mutant(
        "Embedding: a code that comes again counted once",
        "layers/embedding.py",
        "np.add.at(dE, self.c, slopes)",
        "dE[self.c] += slopes",
        f"{LAYERS}test_gradients_are_right[0-Embedding]",
    ),
    Mutant(
        "Embedding: numbers behind the rows",
        "layers/embedding.py",
        "np.concatenate([x[:, : self.n_numbers].astype(self.E.dtype), rows], axis=1)",
        "np.concatenate([rows, x[:, : self.n_numbers].astype(self.E.dtype)], axis=1)",
        STORED + "[Embedding]",
    ),
    Mutant(
        "EnsembleEmbedding: the table of the first member for all",
        "layers/embedding.py",
        "self.E[m, self.c]",
        "self.E[0 * m, self.c]",
        STORED + "[EnsembleEmbedding]",
    ),
    Mutant(
        "EnsembleCrossEntropyLoss: one softmax for all members",
        "losses/ensemble.py",
        "log_p = z - np.log(np.exp(z).sum(axis=2, keepdims=True))",
        "log_p = z - np.log(np.exp(z).sum(axis=(1, 2), keepdims=True))",
        MEMBERS,
    ),
    Mutant(
        "EnsembleCrossEntropyLoss: targets taken to sum to 1",
        "losses/ensemble.py",
        "self.p * self.t.sum(axis=2, keepdims=True) - self.t",
        "self.p - self.t",
        f"{LOSSES}test_gradients_are_right[0-EnsembleCrossEntropyLoss]",
    ),
    Mutant(
        "EnsembleCrossEntropyLoss: the number of classes forgotten",
        "losses/ensemble.py",
        " * shares(self.w, dz) * dz.shape[2]",
        " * shares(self.w, dz)",
        MEMBERS,
    ),
    Mutant(
        "side by side: every member in the place of the first",
        "engines/compiled/nests.py",
        "dict.fromkeys(beside, member)",
        "dict.fromkeys(beside, whole(0))",
        f"{SIDE}test_both_engines_compute_the_same",
    ),
    Mutant(
        "side by side: rows as far apart as those of one member",
        "engines/compiled/nests.py",
        "elements.flat(i, at_first), c_steps[m])",
        "elements.flat(i, at_first), extent(sizes[n]))",
        f"{SIDE}test_both_engines_compute_the_same",
    ),
    Mutant(
        "side by side: never shared",
        "engines/compiled/sharing.py",
        "multiplications * NUMBERS // MULTIPLICATIONS",
        "multiplications // MULTIPLICATIONS",
        f"{SIDE}test_large_ones_are_shared_by_the_cores",
    ),
    Mutant(
        "tables: a missing number is not marked",
        "tabular/features.py",
        "np.stack([bent, missing] if self.marks_missing else [bent], axis=1)",
        "np.stack([bent, 0 * missing] if self.marks_missing else [bent], axis=1)",
        f"{FEATURES}test_a_missing_number_is_the_median_and_marked",
    ),
    Mutant(
        "tables: ends are not bent",
        "tabular/features.py",
        "bent = z / np.sqrt(1 + (z / LIMIT) ** 2)",
        "bent = z",
        f"{FEATURES}test_a_number_is_scaled_by_its_quartiles_and_its_ends_are_bent",
    ),
    Mutant(
        "tables: what was never seen is the first value",
        "tabular/features.py",
        "place.get(value, -1)",
        "place.get(value, 0)",
        f"{FEATURES}test_values_of_a_category_that_were_never_seen_are_all_zeros",
    ),
    Mutant(
        "tables: the least frequent values are kept",
        "tabular/features.py",
        "np.argsort(-weights, kind",
        "np.argsort(weights, kind",
        f"{FEATURES}test_of_many_values_the_most_frequent_are_kept",
    ),
    Mutant(
        "tables: columns by their place",
        "tabular/features.py",
        "feature.encoded(table[name], name) for name, feature in self.features.items()",
        "feature.encoded(column, name)\n"
        "            for column, (name, feature) in zip(table.values(), self.features.items())",
        f"{FEATURES}test_another_order_and_more_columns_change_nothing",
    ),
    Mutant(
        "tables: weights forgotten where rows are merged",
        "tabular/rows.py",
        "weights = np.add.reduceat(w[rows], starts)",
        "weights = np.add.reduceat(w[rows] > 0, starts)",
        f"{FEATURES}test_rows_that_come_again_and_rows_that_weigh_more_are_the_same",
    ),
    Mutant(
        "tables: infinity passes",
        "tabular/tables.py",
        "not np.isinf(column.values).any()",
        "True",
        f"{BAD}test_infinity_is_named_with_its_column_and_row",
    ),
    Mutant(
        "members: rows held out are learned from",
        "tabular/members.py",
        "_again(np.flatnonzero(~out), w, rng)",
        "_again(np.arange(len(w)), w, rng)",
        f"{ESTIMATORS}test_a_class_of_a_single_row_is_never_held_out",
    ),
    Mutant(
        "members: a class of one row is held out",
        "tabular/members.py",
        "out = (dealt == m % count) & ~rare",
        "out = dealt == m % count",
        f"{ESTIMATORS}test_a_class_of_a_single_row_is_never_held_out",
    ),
    Mutant(
        "members: weights are not rows",
        "tabular/members.py",
        "times = w[rows] / w.min()",
        "times = np.ones(len(rows))",
        f"{ESTIMATORS}test_a_row_comes_as_often_as_it_weighs",
    ),
    Mutant(
        "members: as many rows as weights say",
        "tabular/members.py",
        "times *= min(1.0, MOST_AGAIN",
        "times *= min(1.0, 1e6 * MOST_AGAIN",
        f"{ESTIMATORS}test_large_weights_do_not_make_many_rows",
    ),
    Mutant(
        "members: predicted in float32",
        "tabular/members.py",
        "recipe.activation, rng, np.float64)",
        "recipe.activation, rng, np.float32)",
        f"{ESTIMATORS}test_one_row_is_predicted_as_among_others",
    ),
    Mutant(
        "members: all have the weights of the last epoch",
        "tabular/members.py",
        "if value <= self.badness[m] or self.epochs[m] == 0:",
        "if True:",
        f"{TRAINED}test_each_member_has_the_weights_of_its_best_epoch",
    ),
    Mutant(
        "members: the best epoch of one for all",
        "tabular/members.py",
        "self.weights[path].reshape(len(self.epochs), -1)[m] = of_member",
        "self.weights[path].reshape(len(self.epochs), -1)[:] = of_member",
        f"{TRAINED}test_each_member_has_the_weights_of_its_best_epoch",
    ),
    Mutant(
        "TabularClassifier: no temperature",
        "tabular/estimators.py",
        "z = self._outputs(X) / self.temperature_",
        "z = self._outputs(X)",
        f"{TRAINED}test_what_is_sure_is_said_to_be_sure_though_targets_are_smoothed",
    ),
    Mutant(
        "TabularClassifier: as sure as the rows held out allow",
        "tabular/estimators.py",
        "t = t + (1 / t.shape[1] - t) / len(t)",
        "t = t + 0 / len(t)",
        f"{TRAINED}test_who_was_never_wrong_on_few_rows_is_not_too_sure",
    ),
    Mutant(
        "coslog: cycles that end too early",
        "schedules.py",
        "(2**cycles - 1) * np.asarray(progress)",
        "2**cycles * np.asarray(progress)",
        "tests/docs/test_maths.py::test_the_formulas_hold[a schedule: coslog]",
    ),
    Mutant(
        "auto: the numbers that layers put out do not count",
        "engines/choice.py",
        " + GAIN_A_NUMBER * numbers",
        " + 0 * numbers",
        "tests/engines/test_choice.py::test_many_numbers_a_row_are_worth_compiling",
    ),
    Mutant(
        "TabularRegressor: beyond what was seen",
        "tabular/estimators.py",
        "np.clip(z * deviation + mean, low, high)",
        "z * deviation + mean",
        f"{ESTIMATORS}test_no_number_is_predicted_beyond_those_seen",
    ),
    Mutant(
        "TabularRegressor: targets as large as they come",
        "tabular/estimators.py",
        "t = ((rows.y - mean) / deviation)",
        "t = (rows.y - mean)",
        f"{ESTIMATORS}test_large_targets_are_no_matter",
    ),
]

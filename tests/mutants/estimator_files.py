"""Mutants of estimators in files: what is refused, and that all that was fitted comes back."""

from tests.mutants.run import Mutant

ESTIMATORS, VALUES = "saving/estimators.py", "saving/values.py"
INSPECTION = "saving/inspection.py"
FILES, BASE, FEATURES = "tabular/files.py", "tabular/base.py", "tabular/features.py"
PERCEPTRONS = "estimators/files.py"
HOSTILE = "tests/saving/test_hostile_estimators.py::"
LIES = f"{HOSTILE}test_what_no_fit_leaves_is_refused_at_little_cost"
TABLES = "tests/tabular/test_files.py::"
OF_PERCEPTRONS = "tests/estimators/test_files.py::"
BACK = f"{OF_PERCEPTRONS}test_what_comes_back_is_what_was_saved"
WHOLE = f"{TABLES}test_what_comes_back_is_what_was_saved"
PIPELINES = f"{OF_PERCEPTRONS}test_pipelines_of_other_parts_are_refused"
SHOWN = "tests/cli/test_inspect.py::test_of_an_estimator_are_shown_columns_classes_and_settings"

MUTANTS = [
    Mutant(f"estimator files: {breaks}", file, old, new, test)
    for breaks, file, old, new, test in (
        (
            "unfitted ones saved",
            ESTIMATORS,
            "if not _is_fitted(model):",
            "if False:",
            f"{TABLES}test_what_cannot_be_saved_says_what_to_do",
        ),
        (
            "encoders that put out frames saved",
            ESTIMATORS,
            '.get("transform", "default") != "default":',
            '.get("transform", "default") == "":',
            PIPELINES,
        ),
        (
            "a cache let pass",
            ESTIMATORS,
            "if getattr(model, name, None) is not None:",
            "if False:",
            PIPELINES,
        ),
        (
            "attributes lost",
            ESTIMATORS,
            "if lost := sorted(fitted - vars(twin).keys()):",
            "if lost := list[str]():",
            f"{TABLES}test_what_cannot_be_saved_says_what_to_do",
        ),
        (
            "unknown settings let pass",
            ESTIMATORS,
            "if name not in known:",
            "if False:",
            f"{LIES}[a setting more]",
        ),
        (
            "steps that do not fit let pass",
            ESTIMATORS,
            "if after.n_features_in_ != n_out:",
            "if False:",
            f"{LIES}[steps that do not fit]",
        ),
        (
            "any step before another",
            ESTIMATORS,
            "if any(_checked_name(step) in LAST for _, step in before):",
            "if False:",
            f"{LIES}[no transformer]",
        ),
        (
            "a step twice let pass",
            ESTIMATORS,
            "if len(set(names)) != len(names) or",
            "if",
            f"{LIES}[a step twice]",
        ),
        (
            "frozen layers without a net let pass",
            ESTIMATORS,
            'if entry["frozen"] != []:',
            "if False:",
            f"{LIES}[frozen without a net]",
        ),
        (
            "any public name made",
            ESTIMATORS,
            "if not isinstance(name, str) or name not in PACKAGES:",
            "if not isinstance(name, str):",
            f"{LIES}[a function]",
        ),
        (
            "weights of a layer among settings not filled in",
            ESTIMATORS,
            "                fill({tensor: array}, array.dtype, self.tensors)",
            "                pass",
            f"{OF_PERCEPTRONS}test_a_layer_of_ones_own_comes_back_by_its_class",
        ),
        (
            "wide texts let pass",
            VALUES,
            "if characters > MOST_CHARACTERS:",
            "if False:",
            f"{LIES}[wide and wide]",
        ),
        (
            "values of another type let pass",
            VALUES,
            "if written_array(array) != said:",
            "if False:",
            f"{LIES}[fractions]",
        ),
        (
            "classes in any order",
            VALUES,
            "if not len(classes) or not np.array_equal(np.unique(classes), classes):",
            "if not len(classes):",
            f"{LIES}[no order]",
        ),
        (
            "tuples come back as lists",
            VALUES,
            "return tuple(read_value(inner, layer, place))",
            "return read_value(inner, layer, place)",
            f"{BACK}[classes]",
        ),
        (
            "infinity written as a number",
            VALUES,
            "if isinstance(value, float) and not math.isfinite(value):",
            "if False:",
            f"{BACK}[infinite patience]",
        ),
        (
            "a value twice let pass",
            FILES,
            "if len(set(values)) != len(values) or",
            "if",
            f"{LIES}[a value twice]",
        ),
        (
            "clocks of any name",
            FILES,
            "and each_once and set(feature.cycles) <= set(CYCLES)",
            "and each_once",
            f"{LIES}[a clock of its own]",
        ),
        (
            "fields of another type let pass",
            FILES,
            "if type(value) is hint:",
            "if True:",
            f"{LIES}[a number as text]",
        ),
        (
            "a net of any size let pass",
            BASE,
            "if net is None or (net.n_in, net.n_out) != (n_in, n_out) or net.dtype != np.float64:",
            "if net is None:",
            f"{LIES}[members too few]",
        ),
        (
            "settings not looked at",
            BASE,
            "    def _from_file(self, fitted: dict[str, Any], net: Net | None) -> None:\n"
            "        self._check_settings()\n",
            "    def _from_file(self, fitted: dict[str, Any], net: Net | None) -> None:\n",
            f"{LIES}[a setting that is refused]",
        ),
        (
            "names of columns lost",
            BASE,
            '        if fitted["named"]:\n',
            "        if False:\n",
            f"{WHOLE}[classifier]",
        ),
        (
            "a failed fit leaves what it began",
            BASE,
            "            self.__dict__.update(before)\n",
            "            pass\n",
            f"{TABLES}test_a_fit_that_fails_leaves_the_model_as_it_was[classifier]",
        ),
        (
            "hands have no names",
            FEATURES,
            "return [*self.time.names(name), *hands]",
            "return [*self.time.names(name)]",
            f"{TABLES}test_the_numbers_have_names",
        ),
        (
            "partial_fit begins with a new optimizer",
            PERCEPTRONS,
            'if getattr(self, "_steps", self) is None:',
            "if False:",
            f"{OF_PERCEPTRONS}test_partial_fit_says_that_it_cannot_go_on",
        ),
        (
            "perceptrons of any size let pass",
            PERCEPTRONS,
            "if net is None or (net.n_in, net.n_out) != sizes:",
            "if net is None:",
            f"{LIES}[outputs too many]",
        ),
        (
            "a patience that begins anew",
            PERCEPTRONS,
            '    "_no_improvement_count": WHOLE,\n',
            "",
            f"{OF_PERCEPTRONS}test_a_warm_start_goes_on_from_a_file_as_from_the_model[classes]",
        ),
        (
            "targets of any kind let pass",
            PERCEPTRONS,
            "if y_type not in Y_TYPES or not fits.get(y_type, True) or type(sparse) is not bool:",
            "if type(sparse) is not bool:",
            f"{LIES}[targets of no kind]",
        ),
        (
            "tensors of settings shown as the net's",
            INSPECTION,
            "and (place or _of_a_net(name))",
            "",
            "tests/saving/test_hostile_estimators.py::"
            "test_arrays_of_layers_among_settings_are_shown_apart",
        ),
        (
            "no columns shown",
            "cli/inspection.py",
            "    if not estimator.columns:\n",
            "    if True:\n",
            SHOWN,
        ),
    )
]

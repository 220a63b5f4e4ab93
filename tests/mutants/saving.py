"""Mutants of the model files: what is refused, and that what comes back is what was saved."""

from tests.mutants.run import Mutant

TENSORS = "saving/tensors.py"
ARCHITECTURE = "saving/architecture.py"
MODEL = "saving/model.py"
NETS = "saving/nets.py"
HOSTILE = "tests/saving/test_hostile.py::"
LIES = f"{HOSTILE}test_a_description_that_does_not_fit_is_refused_at_little_cost"
HEADER = f"{HOSTILE}test_a_header_that_lies_is_refused_at_little_cost"
METADATA = f"{HOSTILE}test_other_metadata_are_refused"
DOCUMENT = f"{HOSTILE}test_a_document_of_another_kind_is_refused"
BACK = "tests/saving/test_model.py::test_a_net_comes_back_as_it_was"
NOT_WRITTEN = "tests/saving/test_model.py::test_what_would_not_come_back_is_not_written"

MUTANTS = [
    Mutant(
        "files: a gap between tensors let pass",
        TENSORS,
        "if tensor.start != end:",
        "if tensor.start < end:",
        f"{HEADER}[a gap-load]",
    ),
    Mutant(
        "files: overlapping tensors let pass",
        TENSORS,
        "if tensor.start != end:",
        "if tensor.start > end:",
        f"{HEADER}[an overlap-load]",
    ),
    Mutant(
        "files: bytes behind the last tensor let pass",
        TENSORS,
        "if end != size - 8 - length:",
        "if end > size - 8 - length:",
        f"{HEADER}[more bytes-load]",
    ),
    Mutant(
        "files: a shape larger than its bytes let pass",
        TENSORS,
        "if n_bytes != stop - start or",
        "if",
        f"{HEADER}[a larger shape-load]",
    ),
    Mutant(
        "files: a name twice let pass",
        TENSORS,
        "if len(found) != len(pairs):",
        "if False:",
        f"{HEADER}[a name twice-load]",
    ),
    Mutant(
        "files: a header of any length read",
        TENSORS,
        "min(LONGEST_HEADER, size - 8)",
        "size - 8",
        f"{HOSTILE}test_a_header_of_many_megabytes_is_not_read",
    ),
    Mutant(
        "files: any number of parts read",
        TENSORS,
        'or text.count("[") + text.count("{") > MOST_BRACKETS',
        "",
        f"{METADATA}[too many parts]",
    ),
    Mutant(
        "files: infinity among the settings let pass",
        TENSORS,
        "if not math.isfinite(number := float(text)):",
        "number = float(text)\n    if False:",
        f"{METADATA}[infinity]",
    ),
    Mutant(
        "files: a pipe waited for",
        TENSORS,
        "if not Path(path).is_file():",
        "if Path(path).is_dir():",
        f"{HOSTILE}test_what_is_no_file_is_not_waited_for",
    ),
    Mutant(
        "files: weights of any size drawn",
        ARCHITECTURE,
        "if self.undrawn < 0:",
        "if False:",
        f"{LIES}[sizes within bounds]",
    ),
    Mutant(
        "files: any whole number taken as a size",
        ARCHITECTURE,
        "if abs(size) > most or",
        "if",
        f"{LIES}[own, a little too large]",
    ),
    Mutant(
        "files: any product of sizes let pass",
        ARCHITECTURE,
        "product *= max(1, abs(size))",
        "product = 1",
        f"{LIES}[a product beyond bounds]",
    ),
    Mutant(
        "files: another shape let pass",
        ARCHITECTURE,
        "if self.tensors[tensor].shape != array.shape:",
        "if False:",
        f"{LIES}[other sizes]",
    ),
    Mutant(
        "files: a class found by its name",
        ARCHITECTURE,
        "if not isinstance(name, str) or name not in self.own:",
        "if False:",
        f"{LIES}[own]",
    ),
    Mutant(
        "files: unknown settings passed on",
        ARCHITECTURE,
        "if name not in parameters:",
        "if False:",
        f"{LIES}[a setting too many]",
    ),
    Mutant(
        "files: any number of layers",
        ARCHITECTURE,
        "self.n_layers > MOST_LAYERS or",
        "",
        f"{NOT_WRITTEN}[many]",
    ),
    Mutant(
        "files: any depth of nets",
        ARCHITECTURE,
        'or path.count(".") >= DEEPEST',
        "",
        f"{NOT_WRITTEN}[deep]",
    ),
    Mutant(
        "files: tensors that no layer has let pass",
        MODEL,
        "if unknown := stored.arrays.keys() - reader.used:",
        "if unknown := set[str]():",
        f"{LIES}[an array too many]",
    ),
    Mutant(
        "files: NaN among the weights let pass",
        NETS,
        "if not np.isfinite(values).all():",
        "if False:",
        f"{NOT_WRITTEN}[NaN]",
    ),
    Mutant(
        "files: numbers of another type let pass",
        NETS,
        "if values.dtype != dtype:",
        "if False:",
        f"{LIES}[types that differ]",
    ),
    Mutant(
        "files: a newer version read",
        MODEL,
        "if type(version) is int and version > max(KEYS):",
        "if False:",
        f"{HOSTILE}test_a_newer_version_is_met_with_advice",
    ),
    Mutant(
        "files: unknown keys let pass",
        MODEL,
        "if set(document) != KEYS[version]:",
        "if not KEYS[version] <= set(document):",
        f"{DOCUMENT}[an unknown key]",
    ),
    Mutant(
        "files: the numbers not filled in",
        NETS,
        "array[...] = values",
        "pass",
        f"{BACK}[float32-usual]",
    ),
    Mutant(
        "files: frozen layers thawed",
        NETS,
        "walked[place].trainable = False",
        "pass",
        f"{BACK}[float32-usual]",
    ),
    Mutant(
        "files: settings as they were made, not as they are",
        "saving/settings.py",
        "if name in vars(layer) or",
        "if",
        "tests/saving/test_model.py::test_settings_come_back_as_they_are_now",
    ),
    Mutant(
        "files: hidden arrays not noticed",
        "saving/same.py",
        'return np.array_equal(old, new, equal_nan=old.dtype.kind in "fc")',
        "return True",
        f"{NOT_WRITTEN}[hidden array]",
    ),
    Mutant(
        "files: written without reading it back",
        MODEL,
        "    _check_comes_back(model, document, writer, content)\n",
        "",
        f"{NOT_WRITTEN}[changed setting]",
    ),
    Mutant(
        "files: weights that are too large let pass",
        "saving/weights.py",
        "if not np.isfinite(cast).all():",
        "if False:",
        "tests/saving/test_weights.py::"
        "test_weights_that_are_not_finite_numbers_of_the_shape_are_refused",
    ),
    Mutant(
        "buffers: a net within a net holds another's slice",
        "engines/buffers.py",
        "parameters, state = cut[1].stop, cut[2].stop",
        "pass",
        "tests/engines/test_buffers.py::"
        "test_what_is_written_into_an_inner_net_reaches_its_own_layers_alone",
    ),
    Mutant(
        "inspect: what a file says steers the terminal",
        "cli/inspection.py",
        "return shown(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))",
        "return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)",
        "tests/cli/test_inspect.py::test_words_in_a_file_cannot_steer_a_terminal",
    ),
    Mutant(
        "inspect: the numbers are read",
        "saving/inspection.py",
        "header = read_header(path)",
        "header = read_header(path); from handgrad.saving import tensors; tensors.read(path)",
        "tests/cli/test_inspect.py::test_no_number_is_read",
    ),
    Mutant(
        "inspect: tensors at the wrong place",
        "saving/inspection.py",
        'f"{prefix}{i}", left',
        'f"{i}", left',
        "tests/cli/test_inspect.py::test_for_machines_it_is_json",
    ),
]

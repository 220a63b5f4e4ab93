"""Names of other libraries, and what handgrad has in their place, for messages."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import ParamSpec, TypeVar, get_args

from handgrad.textbook.errors import SettingError, did_you_mean

P = ParamSpec("P")
R = TypeVar("R")

ARGUMENTS = {
    "learning_rate": ("lr", "eta", "alpha", "learning_rate_init"),
    "validation": ("validation_data", "validation_split", "eval_set", "val_data", "valid"),
    "epochs": ("n_epochs", "num_epochs", "max_epochs", "nb_epoch", "max_iter"),
    "loss": ("criterion", "loss_fn", "loss_function"),
    "optimizer": ("optim", "solver"),
    "rng": ("seed", "random_state", "generator"),
    "n_in": ("in_features", "input_dim", "input_size", "inputs"),
    "n_out": ("out_features", "output_dim", "output_size", "units"),
    "initializer": ("init", "kernel_initializer"),
    "early_stopping": ("patience",),
    "progress": ("verbose",),
    "checkpoint": ("checkpoint_path", "save_path"),
    "dtype": ("precision",),
    "p": ("rate", "probability"),
    "eps": ("epsilon",),
    "betas": ("beta1", "beta_1", "beta2", "beta_2"),
    "weight_decay": ("l2",),
    "clip_norm": ("clipnorm", "max_norm", "gradient_clip_val"),
    "clip_value": ("clipvalue",),
}
SYNONYMS = {word: name for name, words in ARGUMENTS.items() for word in words}
OF_FIT = (
    "early_stopping",
    "reduce_on_plateau",
    "monitor",
    "progress",
    "live_plot",
    "diagnose",
    "checkpoint",
    "checkpoint_seconds",
    "resume",
)
NOT_HERE = {
    "learning_rate": "optimizer=hg.SGD(0.1): the optimizer has the learning rate",
    "device": "leave it out: handgrad computes on the CPU",
    "bias": "leave it out: each Linear has a bias b, which starts as zeros",
    **dict.fromkeys(OF_FIT, "hg.fit(…), which has this argument"),
    "callbacks": "for report in hg.train(…), a loop of your own; or early_stopping=10, "
    'checkpoint="runs/a", live_plot=True of hg.fit',
}

NUMBERS = "hg.Net(…, dtype=np.float64), for another dtype"
PROCESSOR = "leave it out: handgrad computes on the CPU"
ON_LAYERS = {
    "to": f"{PROCESSOR}; {NUMBERS}",
    **dict.fromkeys(("cuda", "cpu", "device"), PROCESSOR),
    **dict.fromkeys(("half", "float", "double", "astype"), NUMBERS),
    "eval": "net.predict(x), or with net.mode(training=False): around net.forward(x)",
    "train": "hg.train(net, (x, y), …); training mode is the default",
    "zero_grad": "leave it out: backward overwrites the gradients",
    "step": "optimizer.step(net), after net.backward(…)",
    "state_dict": "net.state(); hg.save(net, …), for a file",
    "load_state_dict": "net.load_state(state); hg.exchange.load_weights(net, …), from a file",
    "get_weights": "net.state()",
    "set_weights": "net.load_state(state)",
    "fit": "hg.fit(net, (x, y), loss=…, optimizer=…, epochs=…)",
    "compile": "hg.fit(net, (x, y), loss=…, optimizer=…, epochs=…), which compiles if faster",
    **dict.fromkeys(("evaluate", "score"), "hg.evaluate(net, (x, y), loss=…)"),
    "predict_proba": "net.predict(x), the output of the last layer",
    "save": "hg.save(net, …)",
    "load_weights": "hg.exchange.load_weights(net, …)",
    "count_params": "net.parameters.size",
    "modules": "net.layers; for _, layer in net.walk()",
    "children": "net.layers",
    "grad": "net.gradients, or dW of a layer",
    **dict.fromkeys(("requires_grad", "requires_grad_"), "layer.freeze()"),
    **dict.fromkeys(("weight", "kernel"), "W, the weight matrix"),
    "bias": "b, the bias",
}
ON_OPTIMIZERS = {
    "zero_grad": ON_LAYERS["zero_grad"],
    "state_dict": "pickle.dumps(optimizer), or copy.deepcopy(optimizer)",
    "load_state_dict": "pickle.loads(…), of a pickled optimizer",
    "param_groups": "optimizer.learning_rate, optimizer.groups",
    "lr": "optimizer.learning_rate",
}


def public_path(page: Callable[..., object]) -> str:
    """Public path of a class or function, as `hg.layers.Mish`; one's own by its name alone."""
    root, _, inside = page.__module__.partition(".")
    namespace = inside.removeprefix("textbook.").partition(".")[0]
    if root != "handgrad":
        return page.__name__
    return ".".join(["hg", *[namespace] * (namespace != "net"), page.__name__])


def refusing_unknown(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function so that errors for unknown arguments name the right ones."""

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except TypeError:
            if misuse := misused(function, args, kwargs):
                raise misuse from None
            raise

    return called


def misused(
    function: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object]
) -> SettingError | None:
    """Return the error for the arguments of a call; None if they are valid.

    Parameters
    ----------
    function : callable
        The function or class.
    args : tuple
        Positional arguments.
    kwargs : dict
        Keyword arguments.
    """
    title, signature = function.__name__, inspect.signature(function)
    parameters = signature.parameters.values()
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    takes = ", ".join(str(p.replace(annotation=p.empty)) for p in parameters)
    is_open = any(p.kind == p.VAR_KEYWORD for p in parameters)
    otherwise = f"help({public_path(function)})" if names else "leave it out"
    for name, value in kwargs.items():
        if not is_open and name not in names:
            shown = repr(value) if len(repr(value)) < 40 else "…"
            return SettingError(
                f"{title} was given {name}={shown}",
                f"arguments of {title}: {', '.join(names)}" if names else f"{title}()",
                instead_of(name, names, otherwise),
            )
    try:
        arguments = signature.bind_partial(*args, **kwargs).arguments
    except TypeError as error:
        return SettingError(f"{title}: {error}", f"{title}({takes})", "arguments by their names")
    required = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if missing := [p.name for p in required if p.default is p.empty and p.name not in arguments]:
        without = f"{title} was called without {', '.join(missing)}"
        return SettingError(without, f"{title}({takes})", ", ".join(f"{n}=…" for n in missing))
    return None


def instead_of(name: str, known: list[str], otherwise: str) -> str:
    """Return advice for an unknown argument.

    Parameters
    ----------
    name : str
        The argument.
    known : list of str
        Arguments of the function.
    otherwise : str
        Advice if no known argument is similar.
    """
    name = SYNONYMS.get(name, name)
    if name in known:
        return f"did you mean {name!r}?"
    return NOT_HERE.get(name) or did_you_mean(name, known, otherwise, likeness=0.7)


def signature_of_class(kind: type) -> inspect.Signature:
    """Return the signature of a class, with the arguments of a typed `**settings` one by one.

    Their defaults are the attributes of the class.
    """
    if kind.__init__ is object.__init__:  # type: ignore[misc]
        return inspect.Signature()
    _, *parameters = inspect.signature(kind.__init__).parameters.values()  # type: ignore[misc]
    if parameters and parameters[-1].kind == inspect.Parameter.VAR_KEYWORD:
        (settings,) = get_args(parameters[-1].annotation) or (object,)
        if named := getattr(settings, "__annotations__", {}):
            keyword, empty = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.empty
            parameters[-1:] = [
                inspect.Parameter(
                    name, keyword, default=getattr(kind, name, empty), annotation=annotation
                )
                for name, annotation in named.items()
            ]
    return inspect.Signature(parameters)

"""How near the training of L comes to the rate of its own matrix products."""

from dataclasses import asdict

from benchmarks.cases import CASES
from benchmarks.part import Limit, Part, Settings, markdown, significant
from benchmarks.workers import Workers

NAME, SHARE = "L", 0.85
TEXT = """The product of two square matrices of float32 by the BLAS that handgrad calls, with the
same threads, and the same for the products in a training step of L: 2 m n k operations each,
three products a layer, without dx of the first."""


def measure(settings: Settings) -> Part:
    """Turns of the product and of training, one after the other."""
    size = 1024 if settings.quick else 4096
    case = CASES[NAME]
    with Workers(["SGEMM", "handgrad"], settings.threads, settings.turns) as workers:
        product, own = workers.measure_each(
            [("SGEMM", "product", "", [size]), ("handgrad", "training", NAME, ["SGD"])]
        )
    product.case = f"{size} × {size} × {size}"
    rates = [2 * size**3 / product.seconds, case.operations * case.steps / own.seconds]
    rows = [
        [f"SGEMM, {product.case}", significant(rates[0] / 1e9), ""],
        [f"handgrad, {case}", significant(rates[1] / 1e9), f"{rates[1] / rates[0]:.1%}"],
    ]
    return Part(
        "Share of the machine's SGEMM rate",
        TEXT,
        markdown([f"threads: {own.threads}", "10⁹ operations a second", "share"], rows),
        [asdict(product), asdict(own)],
        [],
        [Limit(f"{NAME}'s share of SGEMM", rates[1] / rates[0], SHARE, "", at_least=True)],
        others=workers.others,
    )

"""Products of matrices beside OpenBLAS, and the training of L beside its bare products."""

from dataclasses import asdict, dataclass

from benchmarks.cases import CASES
from benchmarks.matrices import PRODUCTS
from benchmarks.part import Limit, Part, Settings, cores, markdown, most, significant
from benchmarks.workers import Timing, Workers

OWN, BLAS, NET = "handgrad's product", "OpenBLAS", "L"
QUICK = 4
SHARE = 1.0
TURN = 0.05
TEXT = f"""Products c (m, n) = a (m, k) b (k, n), as m × n × k, by a loop program of handgrad's with
nothing else in it, and by SciPy's OpenBLAS, called again and again by machine code; a' is an a that
lies in memory column after column. First those of the steps of S, M and L. Above 1 handgrad's is
faster. Then a step of {NET}: all of it by handgrad, of which the rate counts the products alone,
and its bare products by OpenBLAS. 2 m n k operations each, three products a layer, without dx of
the first."""


@dataclass(frozen=True)
class Rates:
    """What was multiplied, and the operations a second of both."""

    what: str
    own: float
    blas: float
    others: float | None

    @property
    def ratio(self) -> float:
        """Above 1, handgrad's is faster."""
        return self.own / self.blas


def measure(settings: Settings) -> Part:
    """Turns of one and of the other, a product after another."""
    with Workers([OWN, BLAS, "handgrad"], settings.held, settings.turns) as workers:
        products, timings = list[Rates](), list[Timing]()
        for name, product in list(PRODUCTS.items())[: QUICK if settings.quick else None]:
            found = workers.measure_each([(p, "product", name, ()) for p in (OWN, BLAS)], TURN)
            products.append(_rates(name, product.operations, found))
            timings += found
        case = CASES[NET]
        bare, whole = workers.measure_each(
            [(BLAS, "step", NET, []), ("handgrad", "training", NET, ["SGD"])], alike=False
        )
        whole.seconds /= case.steps
    step = _rates(f"a step of {case}", case.operations, [whole, bare])
    return Part(
        "Products of matrices",
        TEXT,
        f"{table([*products, step])}\n\n{worst(products)}",
        [asdict(timing) for timing in (*timings, bare, whole)],
        limits=[
            Limit(
                f"{NET}: rate of its products / OpenBLAS's",
                *(step.ratio, SHARE, ""),
                at_least=True,
                others=step.others,
            )
        ],
        left_out=workers.left_out,
    )


def _rates(what: str, operations: int, timings: list[Timing]) -> Rates:
    own, blas = (operations / timing.seconds for timing in timings)
    return Rates(what, own, blas, most(timing.others for timing in timings))


def table(found: list[Rates]) -> str:
    """A row a product: both rates, and handgrad's over OpenBLAS's."""
    rows = [
        [
            rates.what,
            *(significant(rate / 1e9) for rate in (rates.own, rates.blas)),
            significant(rates.ratio),
            cores(rates.others),
        ]
        for rates in found
    ]
    return markdown(["10⁹ operations a second", "handgrad", BLAS, "ratio", "others, cores"], rows)


def worst(products: list[Rates]) -> str:
    """Which product is the slowest beside OpenBLAS's, and how many are slower."""
    slowest = min(products, key=lambda rates: rates.ratio)
    slower = sum(rates.ratio < 1 for rates in products)
    return (
        f"The worst of the {len(products)}: {slowest.what}, {significant(slowest.ratio)} of "
        f"{BLAS}'s rate. {slower} are slower than {BLAS}'s."
    )

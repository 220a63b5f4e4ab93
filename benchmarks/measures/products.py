"""Products of matrices beside three libraries, and the training of L beside its bare products."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from benchmarks.cases import CASES
from benchmarks.matrices import PRODUCTS
from benchmarks.part import Limit, Part, Settings, cores, markdown, most, significant
from benchmarks.workers import Timing, Workers

OWN, BLAS, NET = "handgrad's product", "OpenBLAS", "L"
MKL = "PyTorch, 1 thread", "PyTorch, 2 threads"
PEERS = (OWN, BLAS, *MKL, "JAX")
LIBRARIES = {BLAS: BLAS, **dict.fromkeys(MKL, "MKL"), "JAX": "JAX"}
QUICK = 4
SHARE, SHARE_OF_THE_BEST = 1.0, 0.95
TURN = 0.05
TEXT = f"""Products c (m, n) = a (m, k) b (k, n), as m × n × k, by a loop program of handgrad's with
nothing else in it, by SciPy's OpenBLAS, both called again and again by machine code, and by PyTorch
(MKL) and JAX, called from Python, which costs a small product some microseconds; a' is an a that
lies in memory column after column. First those of the steps of S, M and L. Above 1 handgrad's is
faster than the best of the others. Then a step of {NET}: all of it by handgrad, of which the rate
counts the products alone, and its bare products by OpenBLAS. 2 m n k operations each, three
products a layer, without dx of the first."""


@dataclass(frozen=True)
class Rates:
    """Floating-point operations per second of a matrix product: handgrad's and each library's."""

    what: str
    own: float
    libraries: dict[str, float]
    others: float | None

    @property
    def ratio(self) -> float:
        """Above 1, handgrad's is faster than the best of the libraries'."""
        return self.own / max(self.libraries.values())


def measure(settings: Settings) -> Part:
    """Turns of one and of the others, a product after another."""
    with Workers([*PEERS, "handgrad"], settings.held, settings.turns) as workers:
        products, timings = list[Rates](), list[Timing]()
        for name, product in list(PRODUCTS.items())[: QUICK if settings.quick else None]:
            found = workers.measure_each([(p, "product", name, ()) for p in PEERS], TURN)
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
        limits=[*_limits(products), _of_a_step(step)],
        left_out=workers.left_out,
    )


def _limits(products: list[Rates]) -> Iterator[Limit]:
    for rates in products:
        what = f"{rates.what}: rate / the best of the others'"
        given = (rates.ratio, SHARE_OF_THE_BEST, "")
        yield Limit(what, *given, at_least=True, others=rates.others)


def _of_a_step(step: Rates) -> Limit:
    what = f"{NET}: rate of its products / OpenBLAS's"
    return Limit(what, step.ratio, SHARE, "", at_least=True, others=step.others)


def _rates(what: str, operations: int, timings: list[Timing]) -> Rates:
    own, *others = timings
    libraries = dict[str, float]()
    for timing in others:
        library = LIBRARIES[timing.peer]
        libraries[library] = max(libraries.get(library, 0.0), operations / timing.seconds)
    return Rates(what, operations / own.seconds, libraries, most(t.others for t in timings))


def table(found: list[Rates]) -> str:
    """A row a product: all rates, and handgrad's over the best of the others."""
    libraries = [*dict.fromkeys(library for rates in found for library in rates.libraries)]
    rows = [
        [
            rates.what,
            significant(rates.own / 1e9),
            *(_shown(rates.libraries.get(library)) for library in libraries),
            significant(rates.ratio),
            cores(rates.others),
        ]
        for rates in found
    ]
    head = ["10⁹ operations a second", "handgrad", *libraries, "ratio", "others, cores"]
    return markdown(head, rows)


def _shown(rate: float | None) -> str:
    return "–" if rate is None else significant(rate / 1e9)


def worst(products: list[Rates]) -> str:
    """Which product is the slowest beside the best of the others, and how many are slower."""
    slowest = min(products, key=lambda rates: rates.ratio)
    slower = sum(rates.ratio < SHARE_OF_THE_BEST for rates in products)
    return (
        f"The worst of the {len(products)}: {slowest.what}, {significant(slowest.ratio)} of "
        f"the best rate. {slower} are below {SHARE_OF_THE_BEST} of it."
    )

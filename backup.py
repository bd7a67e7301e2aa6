"""Back up the databases and secrets of the bank, restore them, and verify either.

    python backup.py save DIR       copy them into a new folder, also while the bank runs
    python backup.py restore DIR    put them in place of those of a stopped bank, which are kept beside them
    python backup.py verify [DIR]   check databases, ledger and audit trail of the bank or of a backup

Copies the SQLite files that *_DATABASE_URL name or BANK_DATA_DIR holds; `verify` reads PostgreSQL as well.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from run_services import ROOT, complete_environment
from shared.core.clock import now
from shared.core.errors import CannotStart
from shared.db import copies
from shared.db.engines import is_sqlite
from shared.db.file_lock import FileLock
from shared.processes.supervisor import supervisor_lock
from shared.security import data_dir, secret_files

SERVICES = ("transaction", "account", "auth", "reporting")
"""In the order of copying: what the ledger decides meanwhile is projected when the copy is started."""
PROGRAMS = ("account_service.verify_ledger", "auth_service.verify_audit")


def main() -> int:
    """Run the command. Return 1 when it failed, after one line that says why."""
    parser = argparse.ArgumentParser(description="Back up the bank, restore a backup, verify either.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("save", "restore"):
        commands.add_parser(name).add_argument("folder", metavar="DIR")
    commands.add_parser("verify").add_argument("folder", metavar="DIR", nargs="?", default="")
    options = parser.parse_args()
    if options.command != "verify" and not options.folder:
        parser.error("name the folder of the backup: DIR=…")
    try:
        environment = complete_environment(os.environ)
        if options.command == "verify":
            return _verify(environment, options.folder)
        (_save if options.command == "save" else _restore)(environment, Path(options.folder).resolve())
    except CannotStart as error:
        print(f"{options.command} failed: {error}", file=sys.stderr)
    except OSError as error:
        print(f"{options.command} failed: {error.filename}: {error.strerror}", file=sys.stderr)
    else:
        return 0
    return 1


def _save(environment: Mapping[str, str], target: Path) -> None:
    """Copy into a folder beside `target` and rename it at the end, so that no half backup has that name."""
    databases = _databases(environment)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise CannotStart(f"{target} is not empty: name a new folder")
    os.umask(0o077)
    draft = target.with_name(f"{target.name}.partial")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for service, path in databases.items():
        copies.copy(path, draft / f"{service}.db")
    secrets = secret_files.folder(Path(environment["BANK_DATA_DIR"]))
    if secrets.exists():
        shutil.copytree(secrets, draft / "secrets")
    os.sync()
    draft.rename(target)
    print(f"The backup is in {target}")


def _restore(environment: Mapping[str, str], source: Path) -> None:
    databases, folder = _databases(environment), Path(environment["BANK_DATA_DIR"])
    for service in SERVICES:
        copies.check(source / f"{service}.db")
    data_dir.prepare(folder)
    with supervisor_lock(folder / "supervisor.lock"), ExitStack() as locks:
        for path in filter(Path.exists, databases.values()):
            lock = FileLock()
            locks.callback(lock.release)
            lock.take(path)
        replaced = folder / f"before-restore-{now():%Y%m%dT%H%M%SZ}"
        draft = folder / "restoring"
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(source, draft)
        for service, path in databases.items():
            for suffix in ("", "-wal", "-shm"):
                _move(path.with_name(path.name + suffix), replaced)
            shutil.move(draft / f"{service}.db", path)
        _move(secret_files.folder(folder), replaced)
        _move(draft / "secrets", folder)
        shutil.rmtree(draft)
        os.sync()
    print(f"{source} is restored" + (f"; what was there before is in {replaced}" if replaced.exists() else ""))


def _verify(environment: Mapping[str, str], backup: str) -> int:
    if backup:
        urls = {f"{service.upper()}_DATABASE_URL": "" for service in SERVICES}
        environment = {**environment, **urls, "BANK_DATA_DIR": str(Path(backup).resolve())}
    files = [path for service in SERVICES if (path := _sqlite_file(environment, service))]
    for path in files:
        copies.check(path)
    if files:
        print("The databases are undamaged.", flush=True)
    runs = [subprocess.run([sys.executable, "-m", name], cwd=ROOT, env=dict(environment)) for name in PROGRAMS]
    return max(run.returncode for run in runs)


def _databases(environment: Mapping[str, str]) -> dict[str, Path]:
    """Return the SQLite file of each service. Raises CannotStart when one is on PostgreSQL."""
    paths = {}
    for service in SERVICES:
        path = _sqlite_file(environment, service)
        if not path:
            raise CannotStart(
                f"{service.upper()}_DATABASE_URL names a PostgreSQL database: use pg_dump to back it up and pg_restore "
                "to restore it"
            )
        paths[service] = path
    return paths


def _sqlite_file(environment: Mapping[str, str], service: str) -> Path | None:
    """Return the SQLite file of a service, or None when its database is on PostgreSQL."""
    url = environment.get(f"{service.upper()}_DATABASE_URL")
    url = url or f"sqlite:///{environment['BANK_DATA_DIR']}/{service}.db"
    return Path(url.partition("///")[2]) if is_sqlite(url) else None


def _move(path: Path, folder: Path) -> None:
    if path.exists():
        folder.mkdir(exist_ok=True)
        shutil.move(path, folder / path.name)


if __name__ == "__main__":
    sys.exit(main())

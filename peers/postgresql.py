"""A PostgreSQL server for one benchmark, with its data in the launcher's folder."""

import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path

from contender import Failure, run_to_end, usable_cores

SETTINGS = {
    "listen_addresses": "",
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "512MB",
    "effective_cache_size": "4GB",
    "work_mem": "64MB",
    "maintenance_work_mem": "512MB",
    "max_wal_size": "4GB",
    "max_connections": "200",
    # The data lies in memory, so a random page costs no more than the next one.
    "random_page_cost": "1.1",
    # Compiling takes longer than any query of the benchmark gains by it.
    "jit": "off",
    # A parallel plan on a single core only adds work.
    "max_parallel_workers_per_gather": str(usable_cores() - 1),
}


class PostgreSQL:
    """A running server, reached by a Unix socket and the trust method as the user `postgres`."""

    def __init__(self, directory, children):
        programs = _program_directory()
        sockets = children.short_directory()
        self.environment = os.environ | {"PGHOST": str(sockets)}
        data = directory / "postgresql"
        data.mkdir(mode=0o700)
        identity = _identity(directory, data, sockets)
        initialise = ["-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        run_to_end([str(programs / "initdb"), *initialise], cwd=data, **identity)
        command = [str(programs / "postgres"), "-D", str(data), "-k", str(sockets)]
        for name, value in SETTINGS.items():
            command += ["-c", f"{name}={value}"]
        self.version = run_to_end([str(programs / "postgres"), "--version"]).split()[2]
        # SIGINT is the fast shutdown, which does not wait for idle connections.
        server = children.start("postgresql", command, stop_signal=signal.SIGINT, cwd=data, **identity)
        ready = [str(programs / "pg_isready"), "-q", "-U", "postgres"]
        server.wait_until(lambda: subprocess.run(ready, env=self.environment).returncode == 0)


def _program_directory():
    """Finds the folder with PostgreSQL's programs, which Debian keeps out of PATH."""
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if pg_config := shutil.which("pg_config"):
        candidates.insert(0, Path(run_to_end([pg_config, "--bindir"]).strip()))
    if in_path := shutil.which("postgres"):
        candidates.insert(0, Path(in_path).resolve().parent)
    for directory in candidates:
        if (directory / "initdb").exists() and (directory / "postgres").exists():
            return directory
    raise Failure("PostgreSQL's initdb and postgres were not found; install the package postgresql")


def _identity(directory, *owned):
    """Chooses whom the server runs as: PostgreSQL refuses root, so root hands it to a lesser user."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        # The server's user has to pass through the launcher's folder to its own.
        directory.chmod(directory.stat().st_mode | 0o011)
        for parent in directory.parents:
            if not parent.stat().st_mode & 0o001:
                raise Failure(f"PostgreSQL runs as {name}, who may not pass {parent}; chmod o+x it or change --dir")
        for path in owned:
            os.chown(path, account.pw_uid, account.pw_gid)
        return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    raise Failure("PostgreSQL does not run as root and there is no user postgres or nobody; create one")

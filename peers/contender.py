"""The protocol between the benchmark and the products that it measures.

Every product is started by one launcher: `python3 peers/NAME.py --sessions N --dir DIR`. The launcher
prepares its product inside DIR, prints one line of JSON that says where it listens and which requests it
answers, and lives until its standard input ends. The benchmark sums CPU time over the launcher's process
tree, so every server is a direct or indirect child of the launcher.
"""

import argparse
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from importlib import metadata
from pathlib import Path

SECONDS_TO_START = 60
SECONDS_TO_STOP = 30


class Failure(Exception):
    """Something the person who runs the benchmark can put right; the message says what."""


class Children:
    """The server processes of one launcher, stopped in the reverse order of their start."""

    def __init__(self, directory):
        self._directory = directory
        self._running = []
        self._short_directories = []

    def start(self, name, command, *, stop_signal=signal.SIGTERM, facts=False, **options):
        """Starts a server whose output goes to `NAME.log`, because standard output belongs to the protocol.

        With `facts`, its standard output is read by `first_line`, and its standard input stays open.
        """
        log_path = self._directory / f"{name}.log"
        with open(log_path, "ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if facts else subprocess.DEVNULL,
                stdout=subprocess.PIPE if facts else log,
                stderr=log if facts else subprocess.STDOUT,
                start_new_session=True,
                **options,
            )
        child = Child(name, process, log_path, stop_signal)
        self._running.append(child)
        return child

    def short_directory(self):
        """Makes a folder with a short path, because that of a Unix socket holds only about 100 characters."""
        directory = tempfile.TemporaryDirectory(prefix="peer-")
        self._short_directories.append(directory)
        return Path(directory.name)

    def stop(self):
        """Stops every server, and returns when all of them are gone."""
        while self._running:
            self._running.pop().stop()
        while self._short_directories:
            self._short_directories.pop().cleanup()


class Child:
    """One server process."""

    def __init__(self, name, process, log_path, stop_signal):
        self._name = name
        self._process = process
        self._log_path = log_path
        self._stop_signal = stop_signal

    def wait_until(self, answers):
        """Returns as soon as `answers()` is true, and fails when the server ends or stays silent."""
        deadline = time.monotonic() + SECONDS_TO_START
        while not answers():
            if self._process.poll() is not None:
                raise Failure(f"{self._name} ended with status {self._process.returncode}: {self._log_tail()}")
            if time.monotonic() > deadline:
                raise Failure(f"{self._name} did not answer in {SECONDS_TO_START} s: {self._log_tail()}")
            time.sleep(0.05)

    def first_line(self):
        """The first line that the server prints, as soon as it does."""
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            raise Failure(f"{self._name} ended with status {self._process.returncode}: {self._log_tail()}")
        return line

    def stop(self):
        """Asks the server to stop, and kills it only if it does not."""
        if self._process.poll() is None:
            self._process.send_signal(self._stop_signal)
        try:
            self._process.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        # A server that is told to stop while it still starts may leave a worker behind in its process group.
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _log_tail(self):
        return self._log_path.read_text(errors="replace")[-2000:].strip() or "its log is empty"


def run(prepare):
    """Runs a launcher from its arguments to its end.

    `prepare(sessions, directory, children)` brings the product up and returns what is printed.
    """
    parser = argparse.ArgumentParser(description="Starts one product for the session benchmark.")
    parser.add_argument("--sessions", type=int, required=True, help="how many sessions the store holds")
    parser.add_argument("--dir", type=Path, required=True, help="an empty folder to work in")
    arguments = parser.parse_args()
    directory = arguments.dir.resolve()

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    children = Children(directory)
    try:
        if not directory.is_dir() or any(directory.iterdir()):
            raise Failure(f"--dir {directory} is not an empty folder; create one")
        if arguments.sessions < 20:
            raise Failure("--sessions is below 20, too few to delete a twentieth of them")
        print(json.dumps(prepare(arguments.sessions, directory, children)), flush=True)
        sys.stdin.buffer.read()
    except Failure as failure:
        sys.exit(f"{Path(sys.argv[0]).name}: {failure}")
    finally:
        # A second signal must not leave servers behind.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        children.stop()


def run_to_end(command, **options):
    """Runs a preparatory command and returns its standard output."""
    finished = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, **options)
    if finished.returncode != 0:
        said = (finished.stderr or finished.stdout).strip()[-2000:]
        raise Failure(f"{Path(command[0]).name} ended with status {finished.returncode}: {said}")
    return finished.stdout


def installed_program(name):
    """Finds a program that a requirement installs beside this interpreter."""
    program = shutil.which(name, path=Path(sys.executable).parent)
    if program is None:
        raise Failure(f"{name} is missing beside {sys.executable}; run its pip install -r peers/requirements.txt")
    return program


def installed_version(package):
    """Names a requirement and its version, such as `granian 2.8.7`."""
    try:
        return f"{package} {metadata.version(package)}"
    except metadata.PackageNotFoundError:
        raise Failure(f"{package} is missing; run pip install -r peers/requirements.txt") from None


def usable_cores():
    """Counts the cores this launcher may use: the benchmark pins it, and servers are sized to fit."""
    return len(os.sched_getaffinity(0))


def free_port():
    """Picks a TCP port on the loopback interface that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def answers_http(port, path):
    """Tells whether a server answers `GET path` with success."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()

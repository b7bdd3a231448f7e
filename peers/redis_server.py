"""A Redis server for one benchmark, with its data in the launcher's folder."""

import os
import socket

from contender import Failure, free_port, run_to_end


class Redis:
    """A running server that appends every write to a file and waits for the disk before it answers."""

    def __init__(self, directory, children):
        program = os.environ.get("REDIS_SERVER")
        if program is None:
            raise Failure("REDIS_SERVER does not say where the program redis-server is")
        environment = dict(os.environ)
        # Where it was only unpacked, its libraries are beside it.
        if libraries := os.environ.get("REDIS_LIBRARIES"):
            environment["LD_LIBRARY_PATH"] = libraries
        self.version = run_to_end([program, "--version"], env=environment).split()[2].removeprefix("v=")
        self.port = free_port()
        data = directory / "redis"
        data.mkdir()
        command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(data), "--save", ""]
        command += ["--appendonly", "yes", "--appendfsync", "no"]
        server = children.start("redis", command, env=environment)
        server.wait_until(lambda: self.ask("PING") == b"+PONG\r\n")

    def be_durable(self):
        """Waits for the disk from now on: while the store is filled that would only take long."""
        self.ask("CONFIG SET appendfsync always")

    def ask(self, command):
        """The answer to a command, short enough to come at once."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(command.encode() + b"\r\n")
                return connection.recv(4096)
        except OSError:
            return b""

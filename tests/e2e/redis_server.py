"""A real Redis for a check: the server as a child process, and the three commands that a check needs of it."""

import os
import shutil
import socket
import subprocess

import checks
from kafka_broker import free_port


class RedisServer:
    """A server on loopback without files, ended with the `with` block; `stop` and `start` make it be away."""

    def __init__(self):
        self.port = free_port()
        self.child = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def address(self):
        return f"redis://127.0.0.1:{self.port}"

    def start(self):
        program = os.environ.get("REDIS_SERVER") or shutil.which("redis-server")
        if not program:
            raise checks.Failed("there is no redis-server: .ci/tools/redis prints the path for $REDIS_SERVER")
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.child = subprocess.Popen(
            [program, *options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=checks.die_with_parent,
        )  # fmt: skip
        checks.wait_until(lambda: self.command("PING") == "PONG", "redis answers", 20, every_s=0.05)

    def stop(self):
        if self.child and self.child.poll() is None:
            self.child.kill()
            self.child.wait()

    def command(self, *words):
        """Sends one command; gives its answer as text, a number, a list or None."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            encoded = [str(word).encode() for word in words]
            parts = [b"*%d\r\n" % len(encoded)] + [b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded]
            connection.sendall(b"".join(parts))
            return _answer(connection.makefile("rb"))

    def asked_keys(self):
        """How many keys the server was asked for since it started."""
        stats = dict(line.split(":", 1) for line in self.command("INFO", "stats").splitlines() if ":" in line)
        return int(stats["keyspace_hits"]) + int(stats["keyspace_misses"])


def _answer(lines):
    line = lines.readline().rstrip(b"\r\n")
    kind, rest = line[:1], line[1:].decode()
    if kind == b"-":
        raise checks.Failed(f"redis: {rest}")
    if kind == b":":
        return int(rest)
    if kind == b"$":
        return None if rest == "-1" else lines.read(int(rest) + 2)[:-2].decode()
    if kind == b"*":
        return [_answer(lines) for _ in range(int(rest))]
    return rest

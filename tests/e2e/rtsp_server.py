"""A real RTSP server (GStreamer's) that plays files on loopback, as a child process; `stop` and `start` make it be away."""

import os
import pathlib
import socket
import subprocess

import checks
from kafka_broker import free_port


class RtspServer:
    """Plays `streams`, path → (codec, file), to whoever knows the password, for as long as a `with` block."""

    def __init__(self, folder, streams, user=None, password=None):
        self.port = free_port()
        self.log = pathlib.Path(folder) / "rtsp.log"
        self.arguments = [str(self.port)]
        if user:
            self.arguments += ["--user", user, "--password", password]
        self.arguments += [f"{path}={codec}:{file}" for path, (codec, file) in streams.items()]
        self.child = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        program = os.environ.get("RTSP_SERVER") or _install()
        output = open(self.log, "ab")
        self.child = subprocess.Popen(
            [program, *self.arguments], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            preexec_fn=checks.die_with_parent,
        )  # fmt: skip
        checks.wait_until(self._listens, "the RTSP server listens", 30, alive=self._must_run, every_s=0.1)

    def stop(self):
        if self.child and self.child.poll() is None:
            self.child.kill()
            self.child.wait()

    def _listens(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True

    def _must_run(self):
        if self.child.poll() is not None:
            raise checks.Failed(f"the RTSP server ended with {self.child.returncode}:\n{self.log.read_text()[-3000:]}")


def _install():
    installer = checks.REPOSITORY / ".ci/tools/rtsp"
    return subprocess.run([installer], check=True, stdout=subprocess.PIPE, text=True).stdout.strip().splitlines()[-1]

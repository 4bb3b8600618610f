"""The binaries under test as child processes, and the names that the checks know them by.

The binaries are those of the release build (`$CARGO_TARGET_DIR/release`), or `$HEADWATER_BIN` and `$HEADWATER_EDGE_BIN`.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import urllib.error
import urllib.request

import checks
from kafka_broker import free_port

CLIP = checks.REPOSITORY / "footage/vtest-a.mp4"

# What the files in `queries/` write, each a table of the query file's name.
FRAMES = "frames"
PEOPLE_PER_CAMERA = "people_per_camera"
BUNDLED_QUERIES = [
    "frames", "people_per_camera", "busiest_cameras", "people_last_minute", "silent_camera", "hourly_occupancy",
]  # fmt: skip

# Columns of `people_per_camera`: a row a camera and window of ten seconds.
WINDOW_S = 10
WINDOW_START, WINDOW_END = "window_start", "window_end"
CAMERA_KEY = ["device_id", "camera_id"]
FRAMES_COUNT, PEOPLE_TOTAL = "frames", "people_total"

TOPIC_FRAMES = "edge-data"
TOPICS = ["edge-data", "edge-detections"]
PARTITIONS = 4
DEVICES = 2
PEOPLE_MIN, PEOPLE_MAX = 3, 9

# What the dashboard, the alerts and operators read. A Prometheus histogram also has `_bucket`, `_sum` and `_count`.
SERVER_METRICS = [
    "headwater_source_rows_total", "headwater_sink_rows_total", "headwater_watermark_seconds",
    "headwater_watermark_lag_seconds", "headwater_late_rows_total", "headwater_checkpoint_epoch",
    "headwater_checkpoint_duration_seconds", "headwater_people_in_view",
]  # fmt: skip
EDGE_METRICS = [
    "headwater_edge_frames_total", "headwater_edge_frames_skipped_total", "headwater_edge_inference_ms",
    "headwater_edge_spool_bytes", "headwater_edge_energy_mj_total", "headwater_edge_carbon_intensity_g_per_kwh",
]  # fmt: skip


def binary(name):
    override = os.environ.get({"headwater": "HEADWATER_BIN", "headwater-edge": "HEADWATER_EDGE_BIN"}[name])
    if override:
        return override
    target = os.environ.get("CARGO_TARGET_DIR", pathlib.Path.home() / ".cache/headwater/target")
    return str(pathlib.Path(target) / "release" / name)


def table_folder(data_dir, table):
    return pathlib.Path(data_dir) / "tables" / table


def queries_folder(folder, names):
    """A folder with only the named ones of the bundled query files."""
    chosen = pathlib.Path(folder) / "queries"
    chosen.mkdir(parents=True, exist_ok=True)
    for name in names:
        shutil.copy(checks.REPOSITORY / "queries" / f"{name}.sql", chosen)
    return chosen


class Running:
    """One started binary with its ports and its output, ended with the `with` block at the latest."""

    def __init__(self, folder, *arguments, name="run", program="headwater", env=None, listens=True):
        self.folder = pathlib.Path(folder)
        self.http_port, self.grpc_port = free_port(), free_port()
        self.log = self.folder / f"{name}.log"
        command = [binary(program), *map(str, arguments)]
        if listens:
            command += ["--http-listen", f"127.0.0.1:{self.http_port}", "--grpc-listen", f"127.0.0.1:{self.grpc_port}"]
        with open(self.log, "ab") as output:
            output.write((" ".join(command) + "\n").encode())
            output.flush()
            # Its own process group, so that Ctrl-C on a terminal does not reach it past this script; and it dies with
            # this script, however that ends.
            self.child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=self.folder,
                env=environment(env), start_new_session=True, preexec_fn=checks.die_with_parent,
            )  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()

    def output(self):
        return self.log.read_text(errors="replace")

    def must_run(self):
        if self.child.poll() is not None:
            raise checks.Failed(f"{self.log.name} ended with {self.child.returncode}:\n{self.output()[-4000:]}")

    def wait(self, timeout_s):
        try:
            return self.child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise checks.Failed(f"not ended after {timeout_s} s:\n{self.output()[-4000:]}") from None

    def interrupt(self, timeout_s=60):
        """Ctrl-C; gives the exit code."""
        self.child.send_signal(signal.SIGINT)
        return self.wait(timeout_s)

    def kill(self):
        """What a crash looks like: no handler runs."""
        self.child.kill()
        self.child.wait()

    def url(self, path):
        return f"http://127.0.0.1:{self.http_port}{path}"

    def get(self, path):
        """Status and body of a GET."""
        try:
            with urllib.request.urlopen(self.url(path), timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.read().decode()

    def post_json(self, path, body):
        request = urllib.request.Request(
            self.url(path), json.dumps(body).encode(), {"content-type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.read().decode()

    def wait_ready(self, deadline_s=60):
        checks.wait_until(lambda: self.get("/readyz")[0] == 200, "/readyz answers", deadline_s, alive=self.must_run)

    def grpcurl(self, *arguments, request=None):
        """What grpcurl prints; reflection tells it the services, as it tells a person."""
        command = [grpcurl_path(), "-plaintext", "-max-time", "30"]
        if request is not None:
            command += ["-d", json.dumps(request)]
        done = subprocess.run(
            [*command, f"127.0.0.1:{self.grpc_port}", *arguments], capture_output=True, text=True, timeout=60
        )
        if done.returncode != 0:
            raise checks.Failed(f"grpcurl {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    def query(self, sql):
        """Rows of `QueryService/Query`, asked for as JSON, as dictionaries."""
        answer = self.grpcurl("headwater.v1.QueryService/Query", request={"sql": sql})
        return [row for part in json_stream(answer) for row in part.get("rows", [])]


def json_stream(text):
    """grpcurl writes a streaming answer as JSON objects one after the other."""
    decoder, position, parts = json.JSONDecoder(), 0, []
    while text[position:].strip():
        position += len(text[position:]) - len(text[position:].lstrip())
        part, position = decoder.raw_decode(text, position)
        parts.append(part)
    return parts


def clip_settings(folder, broker, device, more):
    """Settings of a device with one camera, `footpath`, that plays the clip; `more` goes on with the camera."""
    path = pathlib.Path(folder) / f"{device}.toml"
    data_dir = pathlib.Path(folder) / "spool"
    path.write_text(f"""\
device_id = "{device}"
bootstrap_servers = "{broker.bootstrap_servers}"
data_dir = "{data_dir}"

[[cameras]]
id = "footpath"
source = "file"
path = "{CLIP}"
{more}""")
    return path


def edge_metric(agent, name, **labels):
    """The number of a device that has one of it, or one with these labels; nothing before it is there."""
    series = "".join(rf'(?=[^}}]*\b{label}="{re.escape(value)}")' for label, value in labels.items())
    found = re.search(rf"^headwater_edge_{name}\{{{series}[^}}]*\}} (\S+)$", agent.get("/metrics")[1], re.M)
    return float(found[1]) if found else None


def once(*arguments, program="headwater", env=None, cwd=None, timeout_s=60):
    """Runs a command to its end."""
    return subprocess.run(
        [binary(program), *map(str, arguments)], capture_output=True, text=True, env=environment(env), cwd=cwd,
        timeout=timeout_s, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def environment(extra):
    """This process's environment without the settings of the product, so that only what a check says holds."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name != "BOOTSTRAP_SERVERS" and not name.startswith("HEADWATER_")
    }
    return kept | (extra or {})


def grpcurl_path():
    found = os.environ.get("GRPCURL")
    if not found:
        installer = checks.REPOSITORY / ".ci/tools/grpcurl"
        found = subprocess.run([installer], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        os.environ["GRPCURL"] = found
    return found



def missing_metrics(exposition, names):
    """The names without a sample in a Prometheus text."""
    return [name for name in names if not re.search(rf"^{name}(_bucket|_sum)?[{{ ]", exposition, re.M)]

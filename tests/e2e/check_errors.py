"""What goes wrong at the start ends with one clear line that names the thing, or is retried where people can see it."""

import socket

import checks
import headwater
from kafka_broker import free_port

BROKEN = """\
-- How many frames come per camera, said wrongly?
CREATE TABLE frames_in (camera_id TEXT) WITH (connector = 'impulse', event_rte = '10');
CREATE TABLE out WITH (connector = 'blackhole');
INSERT INTO out SELECT camera_id FROM frames_in;
"""


def check(claim, folder):
    port_in_use(claim, folder)
    broken_query(claim, folder)
    weights_unreadable(claim, folder)
    broker_unreachable(claim, folder)


def port_in_use(claim, folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for flag, other in [("--http-listen", "--grpc-listen"), ("--grpc-listen", "--http-listen")]:
            done = headwater.once(
                "up", "--for", "20s", "--data-dir", folder / "port", flag, address, other, f"127.0.0.1:{free_port()}",
                cwd=folder,
            )  # fmt: skip
            refused(claim, done, address, f"a port in use ({flag})")


def broken_query(claim, folder):
    queries = folder / "queries"
    queries.mkdir()
    (queries / "wrong_option.sql").write_text(BROKEN)
    for command in (["up", "--for", "20s"], ["serve"]):
        done = headwater.once(
            *command, "--queries", queries, "--data-dir", folder / "broken", "--http-listen",
            f"127.0.0.1:{free_port()}", "--grpc-listen", f"127.0.0.1:{free_port()}", cwd=folder,
            env={"BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}"} if command == ["serve"] else None,
        )  # fmt: skip
        refused(claim, done, "wrong_option.sql", f"a broken query file (`{command[0]}`)")
        claim.that("event_rte" in done.stderr + done.stdout and "event_rate" in done.stderr + done.stdout, "and says which option was meant", done.stderr)


def weights_unreadable(claim, folder):
    weights = folder / "weights.safetensors"
    weights.write_bytes(b"not weights")
    picture = checks.REPOSITORY / "footage/astronaut.png"
    done = headwater.once("detect", picture, "--weights", weights, program="headwater-edge", cwd=folder)
    refused(claim, done, "weights.safetensors", "an unreadable weight file")


def broker_unreachable(claim, folder):
    nowhere = f"127.0.0.1:{free_port()}"
    env = {"BOOTSTRAP_SERVERS": nowhere}
    (folder / "none").mkdir()
    with headwater.Running(folder, "up", "--queries", folder / "none", "--data-dir", folder / "away", env=env, name="away") as up:
        checks.wait_until(lambda: nowhere in up.output(), "an unreachable broker is named", 40, alive=up.must_run)
        claim.that(True, "an unreachable broker is named while it is retried")
        code = up.interrupt(30)
        claim.that(code is not None and code >= 0, "Ctrl-C ends the wait", code)


def refused(claim, done, name, what):
    said = (done.stderr or done.stdout).strip()
    claim.that(done.returncode not in (0, 101) and done.returncode > 0, f"{what} ends with a code other than 0", done.returncode)
    claim.that(name in done.stderr + done.stdout, f"{what} is named", said[-500:])
    claim.that("panicked" not in said and "stack backtrace" not in said, f"{what} is no panic", said[-500:])


if __name__ == "__main__":
    checks.run("errors", check)

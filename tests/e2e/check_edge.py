"""The small binary `headwater-edge`: what it detects, and that a broker or an agent that goes away loses no frame.

The broker is a real Kafka that is stopped and started; the agent is killed with −9 once. The frames' own numbers and
`skipped` counts are the oracle: every number is either a row or counted as skipped, and none is there twice.
"""

import json

import checks
import headwater
from kafka_broker import KafkaBroker
from kafka_log import messages

FOOTAGE = checks.REPOSITORY / "footage"
SETTINGS = """\
loop = true
tiers = [256]

[batch]
rows = 20
linger_ms = 300

[carbon.source]
kind = "constant"
g_per_kwh = 250.0

[energy]
busy_watts = 6.0

[metrics]
listen = "127.0.0.1:{port}"
"""
FRAME_HEADERS = {"content-type", "schema", "device", "boot", "seq"}


def check(claim, folder):
    detects(claim)
    with KafkaBroker(folder) as broker:
        boots = comes_and_goes(claim, folder, broker)
    claim.equal(len(boots), 2, "two starts of the agent are in the log")
    for number, rows in enumerate(boots.values(), start=1):
        numbers = [row["frame"] for row in rows]
        claim.equal(len(numbers), len(set(numbers)), f"start {number}: none of {len(numbers)} frames is there twice")
        rows = sorted(rows, key=lambda row: row["frame"])
        gaps = [
            (before["frame"], after["frame"], after["skipped"])
            for before, after in zip(rows, rows[1:])
            if after["frame"] - before["frame"] - 1 != after["skipped"]
        ]
        claim.equal(gaps, [], f"start {number}: every frame is a row or counted as skipped")
        people = [row["persons_detected"] for row in rows]
        claim.that(sum(headwater.PEOPLE_MIN - 1 <= n <= headwater.PEOPLE_MAX for n in people) >= 0.9 * len(people), f"start {number}: plausible counts", people[:40])


def detects(claim):
    def lines(path, *arguments):
        done = headwater.once("detect", FOOTAGE / path, "--format", "json", *arguments, program="headwater-edge", timeout_s=120)
        claim.that(done.returncode == 0, f"`detect {path}` ends with 0", done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def people(frame):
        return [found for found in frame["detections"] if found["class"] == "person"]

    [frame] = lines("astronaut.png")
    [found] = people(frame) or [None]
    claim.that(found and overlap(found, [14, 14, 364, 508]) >= 0.85 and abs(found["confidence"] - 0.73) <= 0.05, "one person is in astronaut.png, in the place and as sure as the reference says", frame)
    [frame] = lines("leuvenA.jpg")
    claim.equal(people(frame), [], "nobody is in leuvenA.jpg")

    reference = {entry["frame"]: entry["320"] for entry in json.loads((FOOTAGE / "vtest-a.expected.json").read_text())}
    frames = lines("vtest-a.mp4", "--every", "50", "--size", "320")
    claim.equal([frame["frame"] for frame in frames], list(range(0, 400, 50)), "`--every 50` looks at eight frames of the clip")
    wanted = [(frame, entry) for frame in frames for entry in reference[frame["frame"]]]
    met = [1 for frame, entry in wanted if any(overlap(found, entry["box"]) >= 0.85 and abs(found["confidence"] - entry["score"]) <= 0.05 for found in people(frame))]
    claim.that(len(met) >= 0.95 * len(wanted) > 0, "95% of the reference's boxes are found in the clip", f"{len(met)} of {len(wanted)}")


def overlap(found, box):
    left, top = max(found["x1"], box[0]), max(found["y1"], box[1])
    right, bottom = min(found["x2"], box[2]), min(found["y2"], box[3])
    shared = max(0.0, right - left) * max(0.0, bottom - top)
    area = (found["x2"] - found["x1"]) * (found["y2"] - found["y1"]) + (box[2] - box[0]) * (box[3] - box[1])
    return shared / (area - shared)


def comes_and_goes(claim, folder, broker):
    """Runs the agent over an outage of the broker, a crash of its own during another, and to a clean end."""

    def start(name):
        agent = headwater.Running(folder, "run", "--config", path, program="headwater-edge", name=name, listens=False)
        return agent

    port = headwater.free_port()
    path = headwater.clip_settings(folder, broker, "yard", SETTINGS.format(port=port))
    with start("agent-first") as agent:
        agent.http_port = port
        checks.wait_until(lambda: len(logged(broker)) > 0, "the first frames are in the log", 60, alive=agent.must_run, every_s=1)
        claim.equal(agent.get("/healthz")[0], 200, "/healthz answers")
        missing = headwater.missing_metrics(agent.get("/metrics")[1], headwater.EDGE_METRICS)
        claim.equal(missing, [], "/metrics has every metric that the dashboard reads")
        delivered = len(logged(broker))
        outage(agent, broker)
        broker.start()
        checks.wait_until(lambda: len(logged(broker)) > delivered + 20, "frames go on after the outage", 60, alive=agent.must_run, every_s=1)
        outage(agent, broker)
        agent.kill()
    broker.start()
    with start("agent-second") as agent:
        agent.http_port = port
        checks.wait_until(lambda: len(boots_of(broker)) == 2, "the second start sends", 60, alive=agent.must_run, every_s=1)
        claim.equal(agent.interrupt(), 0, "Ctrl-C ends the agent with 0")
    boots = boots_of(broker)
    claim.that(all(message["headers"].keys() >= FRAME_HEADERS for message in logged(broker)), "each message has its headers")
    claim.that(all(message["key"] == b"yard" for message in logged(broker)), "each message has the device as its key")
    identities = [(m["headers"]["device"], m["headers"]["boot"], m["headers"]["seq"]) for m in logged(broker)]
    claim.that(len(identities) > 10, "there are messages to look at", len(identities))
    return boots


def outage(agent, broker):
    """Stops the broker and waits until the spool has grown for it."""
    broker.stop()
    at_start = headwater.edge_metric(agent, "spool_bytes")
    checks.wait_until(lambda: headwater.edge_metric(agent, "spool_bytes") > at_start + 8000, "the spool takes what the broker does not", 60, alive=agent.must_run, every_s=1)


def boots_of(broker):
    """Start of the agent → its rows; messages with one identity count once, as they do for every reader."""
    boots, seen = {}, set()
    for message in logged(broker):
        identity = (message["headers"]["device"], message["headers"]["boot"], message["headers"]["seq"])
        if identity not in seen:
            seen.add(identity)
            boots.setdefault(message["headers"]["boot"], []).extend(message["rows"])
    return boots


def logged(broker):
    return messages(broker, headwater.TOPIC_FRAMES, headwater.PARTITIONS)


if __name__ == "__main__":
    checks.run("edge", check)

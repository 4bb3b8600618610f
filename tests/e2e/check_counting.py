"""What an agent follows and counts, on a real Kafka: people over a line and in a zone against what eyes see in the clip,
commands and settings that change while it runs, and that nothing of a picture is on the wire.
"""

import json
import signal

import checks
import headwater
import kafka_log
from kafka_broker import KafkaBroker
from kafka_log import committed, messages

SETTINGS = """\
{camera}

# Both are drawn from the top to the bottom: who walks to the left of the picture crosses forward.
[[cameras.lines]]
name = "path"
from = [0.2995, 0.3299]
to = [0.2995, 0.5729]
[[cameras.lines]]
name = "square"
from = [0.7161, 0.2604]
to = [0.7161, 0.7465]
[[cameras.zones]]
name = "forecourt"
polygon = [[0.7292, 0.4253], [1.0, 0.4253], [1.0, 0.7465], [0.7292, 0.7465]]

[control]
enabled = true
[status]
interval_ms = 1000
[batch]
linger_ms = 200
"""
# By eye, frame by frame: edge/track/tests/data/vtest-a.truth.csv.
TRUTH = {("path", "forward"): 4, ("path", "backward"): 2, ("square", "forward"): 9, ("square", "backward"): 8}
ENTRIES = 15
PEOPLE_MEAN = 6.4
TEXT_COLUMNS = {"device_id", "camera_id", "class", "event", "place", "model", "tier", "energy_method", "sensor", "unit", "method"}


def check(claim, folder):
    with KafkaBroker(folder) as broker:
        counts(claim, folder, broker)
        sends_no_picture(claim, broker)
        follows_commands(claim, folder, broker)


def settings(folder, broker, device, camera):
    return headwater.clip_settings(folder, broker, device, SETTINGS.format(camera=camera))


def counts(claim, folder, broker):
    path = settings(folder, broker, "counter", 'pace = "every-frame"\nfps = 10.0')
    done = headwater.once("run", "--config", path, program="headwater-edge", timeout_s=240)
    claim.that(done.returncode == 0, "the clip is watched to its end", done.stderr)
    events = rows(broker, "edge-events")
    found = {key: sum((row["place"], row["event"]) == key for row in events) for key in TRUTH}
    wrong = {key: (found[key], truth) for key, truth in TRUTH.items() if abs(found[key] - truth) > 1}
    claim.equal(wrong, {}, f"crossings are those that eyes see, to within one a line and direction: {found}")
    forecourt = [row for row in events if row["place"] == "forecourt"]
    entries = sum(row["event"] in ("enter", "appear") for row in forecourt)
    claim.that(abs(entries - ENTRIES) <= 2, f"so many go into the forecourt: {entries} of {ENTRIES}", entries)
    inside = 0
    for row in forecourt:
        inside += 1 if row["event"] in ("enter", "appear") else -1
        if row["occupancy"] != inside:
            claim.that(False, "entries less exits are who is there", row)
            break
    else:
        claim.that(forecourt, "entries less exits are who is there, after every event")
    claim.that(all((row["dwell_ms"] is not None) == (row["event"] in ("exit", "lost")) for row in forecourt), "who leaves has a time of stay")
    people = sum(row["persons_detected"] for row in rows(broker, "edge-data")) / 400
    claim.that(PEOPLE_MEAN - 0.7 <= people <= PEOPLE_MEAN + 0.7, f"{people:.2f} people are in view on the mean, {PEOPLE_MEAN} by eye", people)
    tracks = {row["track_id"] for row in rows(broker, "edge-detections") if row["class"] == "person"} - {None}
    claim.that(9 <= len(tracks) <= 20, "nine people, of whom two come back, have hardly more tracks", len(tracks))


def sends_no_picture(claim, broker):
    topics = ["edge-data", "edge-detections", "edge-events", "edge-sensors"]
    found = {topic: messages(broker, topic, headwater.PARTITIONS) for topic in topics}
    columns = {(field.name, str(field.type)) for topic in topics for message in found[topic] for field in message["table"].schema}
    texts = {name for name, kind in columns if "string" in kind}
    claim.that(texts <= TEXT_COLUMNS and not any("binary" in kind or "list" in kind for _, kind in columns), "columns hold numbers, times and names", columns)
    longest = max(len(str(row[name])) for topic in topics for message in found[topic] for row in message["rows"] for name in row if name in TEXT_COLUMNS)
    claim.that(longest < 100, "and the names are short", longest)
    values = [value for topic in [*topics, "edge-status"] for _, _, _, value in committed(broker, topic)]
    magic = [value[:40] for value in values if b"\xff\xd8\xff" in value or b"\x89PNG" in value]
    claim.equal(magic, [], "no JPEG and no PNG is on the wire")
    frames = sum(len(message["rows"]) for message in found["edge-data"])
    seen = sum(len(message["rows"]) for message in found["edge-detections"])
    data = sum(len(value) for topic in topics[:3] for _, _, _, value in committed(broker, topic))
    claim.that(data < frames * 5000, f"a frame of 1.3 MB is {data / frames:.0f} bytes on the wire, an object {data / seen:.0f}: {frames} frames, {seen} objects, {data} bytes", data)


def follows_commands(claim, folder, broker):
    path = settings(folder, broker, "yard", "loop = true\ntiers = [256]\nfps = 5.0")

    def control(*arguments):
        done = headwater.once("control", "yard", "--bootstrap-servers", broker.bootstrap_servers, *arguments, program="headwater-edge")
        claim.that(done.returncode == 0, f"`control {' '.join(arguments)}` is sent", done.stderr)

    def told(command, accepted):
        beat = checks.wait_until(lambda: next((b for b in beats(broker) if (b["control"] or {}).get("command_id") == command), None), f"{command} is acknowledged", 60, alive=agent.must_run, every_s=1)
        claim.equal(beat["control"]["accepted"], accepted, f"{command} is {'followed' if accepted else 'refused'}")
        return beat

    with headwater.Running(folder, "run", "--config", path, program="headwater-edge", name="yard", listens=False) as agent:
        checks.wait_until(lambda: beats(broker), "the agent is there", 60, alive=agent.must_run, every_s=1)
        first = beats(broker)[0]
        control("--id", "rest", "--pause")
        beat = told("rest", True)
        claim.equal(beat["cameras"][0]["state"], "paused", "a camera that is told to rest is paused")
        claim.that(beat["config_hash"] != first["config_hash"], "and the hash of the settings tells it")
        control("--id", "nonsense", "--fps", "0")
        claim.that("cameras[0].fps" in told("nonsense", False)["control"]["reason"], "a command that cannot be followed says why")
        control("--id", "go", "--resume", "--tiers", "320")
        beat = told("go", True)
        beat = checks.wait_until(lambda: next((b for b in reversed(beats(broker)) if b["cameras"][0]["tier"] == "320"), None), "the other input size is taken", 60, alive=agent.must_run, every_s=1)
        claim.that(beat["cameras"][0]["state"] == "running", "a camera that is told to go on runs", beat)

        path.write_text(path.read_text().replace('name = "square"', 'name = "plaza"'))
        agent.child.send_signal(signal.SIGHUP)
        checks.wait_until(lambda: "settings read again" in agent.output(), "settings are read again", 30, alive=agent.must_run)
        crossed = lambda: {row["place"] for row in rows(broker, "edge-events") if row["device_id"] == "yard"}
        checks.wait_until(lambda: "plaza" in crossed(), "the line of the new settings counts", 90, alive=agent.must_run, every_s=1)
        path.write_text(path.read_text().replace('device_id = "yard"', 'device_id = "garden"'))
        agent.child.send_signal(signal.SIGHUP)
        checks.wait_until(lambda: "device_id: it differs from what the agent runs with" in agent.output(), "what needs a start is refused and named", 30, alive=agent.must_run)
        claim.equal(agent.interrupt(), 0, "Ctrl-C ends the agent with 0")
    path.write_text(path.read_text().replace('device_id = "garden"', 'device_id = "yard"'))
    boots = {beat["boot"] for beat in beats(broker)}
    with headwater.Running(folder, "run", "--config", path, program="headwater-edge", name="yard-again", listens=False) as agent:
        beat = checks.wait_until(lambda: next((b for b in beats(broker) if b["boot"] not in boots), None), "the agent is there again", 60, alive=agent.must_run, every_s=1)
        claim.equal((beat["cameras"][0]["tier"], beat["control"]), ("320", None), "what commands changed outlives a restart, and no command is followed twice")


def rows(broker, topic):
    return kafka_log.rows(broker, topic, headwater.PARTITIONS)


def beats(broker):
    """Heartbeats of the yard, the oldest first."""
    found = [json.loads(value) for _, _, key, value in committed(broker, "edge-status") if key == b"yard"]
    return sorted(found, key=lambda beat: beat["ts"])


if __name__ == "__main__":
    checks.run("counting", check)

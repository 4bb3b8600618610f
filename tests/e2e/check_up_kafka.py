"""`headwater up` with `BOOTSTRAP_SERVERS` at a real Apache Kafka: the same road, and the log outlives the process."""

import checks
import headwater
import tables
from check_up import both_devices, windows_agree
from kafka_broker import KafkaBroker
from kafka_log import messages


def check(claim, folder):
    data_dir = folder / "data"
    with KafkaBroker(folder) as broker:
        env = {"BOOTSTRAP_SERVERS": broker.bootstrap_servers}
        with headwater.Running(folder, "up", "--for", "40s", "--data-dir", data_dir, env=env, name="up-first") as up:
            up.wait_ready()
            both_devices(up)
            claim.equal(up.wait(90), 0, "`up --for 40s` exits with 0")
        claim.that("panicked" not in up.output(), "nothing panicked", up.output()[-2000:])
        topics = broker.topics()
        for topic in headwater.TOPICS:
            claim.equal(topics.get(topic), headwater.PARTITIONS, f"{topic} was made with its partitions")

        logged_first = frames_in_log(broker)
        claim.that(len(logged_first) > 50, "frames are in the log", len(logged_first))

        with headwater.Running(folder, "up", "--for", "30s", "--data-dir", data_dir, env=env, name="up-second") as up:
            up.wait_ready()
            claim.equal(up.wait(90), 0, "a second `up` exits with 0")
        stored = tables.rows(f"SELECT device_id, camera_id, epoch_ms(ts::TIMESTAMP) FROM {tables.relation(data_dir, headwater.FRAMES)}")
        claim.equal(len(stored), len(set(stored)), "no frame is in the table twice")
        lost = set(logged_first) - set(stored)
        claim.that(not lost, f"every one of {len(logged_first)} frames that the first run sent is in Parquet", sorted(lost)[:5])
        invented = set(stored) - set(frames_in_log(broker))
        claim.that(not invented, "and nothing is there that was not in the log", sorted(invented)[:5])
        windows_agree(claim, data_dir)


def frames_in_log(broker):
    """Device, camera and time (ms) of every frame in `edge-data`."""
    import pyarrow as pa

    found = []
    for message in messages(broker, headwater.TOPIC_FRAMES, headwater.PARTITIONS):
        table = message["table"]
        times = table["ts"].cast(pa.int64()).to_pylist()
        found.extend(zip(table["device_id"].to_pylist(), table["camera_id"].to_pylist(), times))
    return found


if __name__ == "__main__":
    checks.run("up_kafka", check)

"""`headwater serve` against a real Kafka, killed with −9 again and again: no window lost, none repeated, each right.

The frames are made up and known, so the oracle is what was sent, not what arrived.
"""

import datetime
import random
import threading

import checks
import frames
import headwater
import tables
from kafka_broker import KafkaBroker

DEVICES, CAMERAS, SECONDS, PER_SECOND = 6, 2, 900, 5
KILLS = 4
SENDING_S = 50


def check(claim, folder):
    data_dir = folder / "data"
    sent = list(frames.timeline(DEVICES, CAMERAS, SECONDS, PER_SECOND))
    frames.to_parquet(sent, folder / "sent.parquet")
    oracle = tables.windows_of_frames(f"read_parquet('{folder / 'sent.parquet'}')")
    dice = random.Random(11)
    with KafkaBroker(folder) as broker:
        for topic in ["edge-data", "edge-detections", "edge-sensors", "edge-status"]:
            broker.create_topic(topic, headwater.PARTITIONS)
        env = {"BOOTSTRAP_SERVERS": broker.bootstrap_servers, "HEADWATER_DATA_DIR": str(data_dir)}
        queries = headwater.queries_folder(folder, [headwater.FRAMES, headwater.PEOPLE_PER_CAMERA])

        all_sent = threading.Event()
        devices = frames.Devices(broker.bootstrap_servers, headwater.TOPIC_FRAMES, headwater.PARTITIONS)
        sender = threading.Thread(target=send_over_time, args=(devices, sent, all_sent), daemon=True)
        sender.start()

        for kill in range(KILLS):
            with headwater.Running(folder, "serve", "--queries", queries, env=env, name=f"serve-{kill}") as server:
                server.wait_ready()
                # Somewhere between two checkpoints, wherever that is.
                all_sent.wait(dice.uniform(2.0, 9.0))
                server.must_run()
                server.kill()
            claim.equal(tables.strays(data_dir) if (data_dir / "tables").exists() else [], [], f"after kill {kill + 1} every visible file is whole")

        with headwater.Running(folder, "serve", "--queries", queries, env=env, name="serve-last") as server:
            server.wait_ready()
            sender.join(SENDING_S + 120)
            claim.must(all_sent.is_set() and not devices.failed, "every frame was acknowledged by Kafka", devices.failed[:1])
            checks.wait_until(
                lambda: tables.has_files(data_dir, headwater.PEOPLE_PER_CAMERA)
                and len(oracle - set(tables.windows_of_results(data_dir))) == 0,
                "every window is in Parquet", 120, alive=server.must_run, every_s=1,
            )  # fmt: skip
            claim.equal(server.interrupt(), 0, "`serve` ends with 0 at Ctrl-C")

    last_start = max(row[0] for row in oracle)
    results = [row for row in tables.windows_of_results(data_dir) if row[0] <= last_start]
    claim.that(len(oracle) == DEVICES * CAMERAS * SECONDS // headwater.WINDOW_S, "the oracle has every window", len(oracle))
    claim.equal(len(results), len(set(results)), f"no window is repeated after {KILLS} kills")
    claim.that(not oracle - set(results), f"none of {len(oracle)} windows is lost", sorted(oracle - set(results))[:4])
    claim.that(not set(results) - oracle, "and each holds what was sent", sorted(set(results) - oracle)[:4])

    stored = tables.rows(f"""
        SELECT device_id, camera_id, frame::BIGINT FROM {tables.relation(data_dir, headwater.FRAMES)}
        WHERE ts::TIMESTAMP < TIMESTAMP '{sent[-1]["ts"] + datetime.timedelta(seconds=1)}'
    """)
    claim.equal(len(stored), len(sent), "the archive has as many frames as were sent")
    claim.equal(set(stored), {(row["device_id"], row["camera_id"], row["frame"]) for row in sent}, "and each of them once")


def send_over_time(devices, sent, all_sent):
    """Spreads the frames over `SENDING_S`; then one frame a device from an hour later, so that every window closes."""
    per_message = DEVICES * CAMERAS * PER_SECOND
    parts = [sent[at : at + per_message] for at in range(0, len(sent), per_message)]
    pause = threading.Event()
    for part in parts:
        devices.send(part)
        pause.wait(SENDING_S / len(parts))
    later = sent[-1]["ts"] + datetime.timedelta(hours=1)
    # One in every partition, twice, since the watermark may move only with the next batch.
    for step in range(2):
        moment = later + datetime.timedelta(seconds=5 * step)
        devices.send([frames.row(device, 0, moment, 10**6 + step, 0) for device in range(DEVICES)])
        devices.flush()
    left, failed = devices.flush()
    if left == 0 and not failed:
        all_sent.set()


if __name__ == "__main__":
    checks.run("recovery", check)

"""From a topic to a topic exactly once, on a real Kafka, with `kill -9` again and again: none lost, none repeated.

What a consumer of committed messages reads is compared with what was sent. Commits are frequent and take long, so that
kills come before, within and after them; once the broker goes as well.
"""

import json
import random
import re
import threading
import time

import checks
import headwater
from kafka_broker import KafkaBroker
from kafka_log import committed

ROWS = 60_000
SENDING_S = 40
KILLS = 7
PARTITIONS = 3
QUERY = """\
CREATE TABLE numbers (n BIGINT, padding TEXT) WITH (
    connector = 'kafka', topic = 'numbers', format = 'json', type = 'source', 'source.offset' = 'earliest'
);
CREATE TABLE doubled WITH (
    connector = 'kafka', topic = 'doubled', format = 'json', type = 'sink', 'sink.commit_mode' = 'exactly_once',
    'sink.key_field' = 'key'
);
INSERT INTO doubled SELECT n, n * 2 AS twice, CAST(n % 7 AS TEXT) AS key, padding FROM numbers;
"""


def check(claim, folder):
    queries, data_dir = folder / "queries", folder / "data"
    queries.mkdir()
    (queries / "doubled.sql").write_text(QUERY)
    dice = random.Random(5)
    with KafkaBroker(folder) as broker:
        broker.create_topic("numbers", PARTITIONS)
        broker.create_topic("doubled", PARTITIONS)
        env = {"BOOTSTRAP_SERVERS": broker.bootstrap_servers, "HEADWATER_DATA_DIR": str(data_dir)}
        sent = threading.Event()
        sender = threading.Thread(target=send_over_time, args=(broker, sent), daemon=True)
        sender.start()

        seen, epoch = [], 0
        for kill in range(KILLS):
            with serve(folder, queries, env, f"serve-{kill}") as server:
                server.wait_ready()
                # A few epochs on, at any place between two of them.
                epoch = checks.wait_until(lambda: epoch_beyond(server, epoch + 2), "checkpoints are taken", 60, alive=server.must_run)
                if kill == KILLS // 2:
                    # The broker goes away under a commit, and comes back.
                    broker.stop()
                    broker.start()
                    epoch = checks.wait_until(lambda: epoch_beyond(server, epoch + 2), "checkpoints go on", 120, alive=server.must_run)
                time.sleep(dice.uniform(0.0, 0.8))
                server.must_run()
                server.kill()
            seen.append(rows_of(broker))
            claim.equal(len(seen[-1]), len(set(seen[-1])), f"nothing is repeated after kill {kill + 1}, with {len(seen[-1])} rows")
        claim.that(any(0 < len(rows) < ROWS for rows in seen), "kills came in the middle", [len(rows) for rows in seen])

        with serve(folder, queries, env, "serve-last") as server:
            server.wait_ready()
            sender.join(SENDING_S + 120)
            claim.must(sent.is_set(), "every row was acknowledged by Kafka")
            checks.wait_until(lambda: len(rows_of(broker)) >= ROWS, "every row is there", 120, alive=server.must_run, every_s=2)
            claim.equal(server.interrupt(), 0, "`serve` ends with 0 at Ctrl-C")
        rows = rows_of(broker)
        claim.equal(len(rows), len(set(rows)), f"no row is repeated after {KILLS} kills")
        expected = {(n, 2 * n, str(n % 7)) for n in range(ROWS)}
        claim.that(not expected - set(rows), f"none of {ROWS} rows is lost", sorted(expected - set(rows))[:5])
        claim.that(not set(rows) - expected, "and none is another one", sorted(set(rows) - expected)[:5])


def serve(folder, queries, env, name):
    return headwater.Running(
        folder, "serve", "--queries", queries, "--checkpoint-interval", "400ms", env=env, name=name
    )


def epoch_beyond(server, least):
    """The epoch of the last checkpoint, where it is at least this one."""
    _, exposition = server.get("/metrics")
    found = re.search(r"^headwater_checkpoint_epoch\{[^}]*\} (\d+)", exposition, re.M)
    return found and int(found[1]) >= least and int(found[1])


def rows_of(broker):
    """Number, its double and the key of every committed row."""
    rows = []
    for _, _, key, value in committed(broker, "doubled"):
        row = json.loads(value)
        rows.append((row["n"], row["twice"], key.decode()))
    return rows


def send_over_time(broker, sent):
    from confluent_kafka import Producer

    failed = []
    # A broker that is away for a while is waited for.
    producer = Producer({
        "bootstrap.servers": broker.bootstrap_servers, "enable.idempotence": True, "linger.ms": 20,
        "message.timeout.ms": 120_000,
    }, logger=silent())  # fmt: skip
    began = time.monotonic()
    for n in range(ROWS):
        value = json.dumps({"n": n, "padding": "x" * 200})
        while True:
            try:
                producer.produce("numbers", value.encode(), partition=n % PARTITIONS, on_delivery=lambda error, _: error and failed.append(error))
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
        ahead = n / ROWS * SENDING_S - (time.monotonic() - began)
        if n % 100 == 0 and ahead > 0:
            time.sleep(ahead)
    if producer.flush(120) == 0 and not failed:
        sent.set()


def silent():
    import logging

    logger = logging.getLogger("kafka-sender")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return logger


if __name__ == "__main__":
    checks.run("kafka_exactly_once", check)

"""What a Kafka source finds and cannot read, on a real Kafka: topics by a pattern, topics and partitions that come while
it runs, records that cannot be read in a table of their own, transactions that were aborted, partitions that wait for
each other; with `kill -9`.
"""

import json
import random
import threading
import time

import checks
import headwater
from kafka_broker import KafkaBroker
from kafka_log import committed

KILLS = 3
ROUNDS = 60
QUERY = """\
CREATE TABLE orders (
    n BIGINT NOT NULL,
    ts TIMESTAMP NOT NULL,
    of_topic TEXT METADATA FROM 'topic',
    of_partition BIGINT METADATA FROM 'partition',
    headers JSON METADATA FROM 'headers',
    WATERMARK FOR ts
) WITH (
    connector = 'kafka', topic_pattern = 'orders-.*', format = 'json', 'source.offset' = 'latest', idle_micros = 3000000,
    'watermark.max_drift' = interval '1 minute', bad_data = 'dead_letter', dead_letter = 'unread'
);
CREATE TABLE unread (topic TEXT, "partition" INT, "offset" BIGINT, reason TEXT, bytes BYTEA) WITH (
    connector = 'kafka', topic = 'unread', format = 'json', type = 'sink', 'sink.commit_mode' = 'exactly_once'
);
CREATE TABLE read_orders WITH (
    connector = 'kafka', topic = 'read', format = 'json', type = 'sink', 'sink.commit_mode' = 'exactly_once'
);
CREATE TABLE windows WITH (
    connector = 'kafka', topic = 'windows', format = 'json', type = 'sink', 'sink.commit_mode' = 'exactly_once'
);
INSERT INTO read_orders SELECT n, of_topic, of_partition, headers FROM orders;
INSERT INTO windows SELECT window.start AS start, orders FROM (
    SELECT tumble(interval '10 seconds') AS window, count(*) AS orders FROM orders GROUP BY window
);
"""

BEGAN_S = 1_770_000_000


def check(claim, folder):
    queries, data_dir = folder / "queries", folder / "data"
    queries.mkdir()
    (queries / "orders.sql").write_text(QUERY)
    dice = random.Random(3)
    with KafkaBroker(folder) as broker:
        for name, partitions in [("orders-a", 1), ("other", 1), ("unread", 1), ("read", 2), ("windows", 1)]:
            broker.create_topic(name, partitions)
        env = {"BOOTSTRAP_SERVERS": broker.bootstrap_servers, "HEADWATER_DATA_DIR": str(data_dir)}
        sender = Sender(broker)
        sending = threading.Thread(target=sender.run, daemon=True)
        for kill in range(KILLS):
            with serve(folder, queries, env, f"serve-{kill}") as server:
                server.wait_ready()
                if kill == 0:
                    # `latest` is about what is there when the job begins: its first checkpoint says where that is.
                    time.sleep(5)
                    sending.start()
                time.sleep(dice.uniform(4.0, 8.0))
                server.must_run()
                server.kill()
        with serve(folder, queries, env, "serve-last") as server:
            server.wait_ready()
            sending.join(120)
            claim.must(not sending.is_alive() and not sender.failed, "everything was sent", sender.failed)
            checks.wait_until(
                lambda: len(committed(broker, "read")) >= len(sender.good) and len(committed(broker, "unread")) >= len(sender.bad),
                "all is read", 90, alive=server.must_run, every_s=2,
            )  # fmt: skip
            claim.equal(server.interrupt(), 0, "`serve` ends with 0 at Ctrl-C")

        read = [json.loads(value) for *_, value in committed(broker, "read")]
        found = sorted((row["n"], row["of_topic"], row["of_partition"]) for row in read)
        claim.equal(len(found), len(set(found)), "no order is repeated")
        claim.equal(found, sorted(sender.good), "every order of every topic and partition is read once, with its place")
        places = {(topic, partition) for _, topic, partition in found}
        claim.equal(len(places), 5, "of a topic that was there, its new partitions, and a new topic")
        claim.that(all(json.loads(row["headers"]) == {"round": str(row["n"] // 10)} for row in read), "with their headers")

        letters = [json.loads(value) for *_, value in committed(broker, "unread")]
        found = sorted((row["topic"], row["partition"], row["offset"], bytes.fromhex(row["bytes"])) for row in letters)
        claim.equal(found, sorted(sender.bad), "what cannot be read is in its table once, with its place and bytes")
        claim.that(all(row["reason"] for row in letters), "and with the reason")

        totals = windows(broker)
        claim.equal(len(totals), len({start for start, _ in totals}), "no window is repeated")
        # What came in a new partition before it was found may be late.
        counted = sum(count for _, count in totals)
        claim.that(len(totals) > 20 and len(sender.good) / 2 < counted <= len(sender.good), "windows closed although partitions are far apart", (len(totals), counted))


def windows(broker):
    rows = [json.loads(value) for *_, value in committed(broker, "windows")]
    return [(row["start"], row["orders"]) for row in rows]


def serve(folder, queries, env, name):
    return headwater.Running(folder, "serve", "--queries", queries, "--checkpoint-interval", "1s", env=env, name=name)


def moment(number):
    """The event time of an order: one a second."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(BEGAN_S + number))


def millis(number):
    return (BEGAN_S + number) * 1000


class Sender:
    """Sends orders to more and more partitions, and things that are no orders between them."""

    def __init__(self, broker):
        self.broker, self.good, self.bad, self.failed = broker, [], [], []

    def run(self):
        try:
            self._run()
        except Exception as error:  # noqa: BLE001 - the check says what it was
            self.failed.append(error)

    def _run(self):
        from confluent_kafka import Producer

        producer = Producer({"bootstrap.servers": self.broker.bootstrap_servers, "enable.idempotence": True})
        places = [("orders-a", 0)]
        number = 0
        for round_number in range(ROUNDS):
            if round_number == ROUNDS // 4:
                self.broker.create_topic("orders-b", 2)
                places += [("orders-b", 0), ("orders-b", 1)]
            if round_number == ROUNDS // 2:
                self.broker.add_partitions("orders-a", 3)
                places += [("orders-a", 1), ("orders-a", 2)]
                producer = Producer({"bootstrap.servers": self.broker.bootstrap_servers, "enable.idempotence": True})
            for _ in range(10):
                topic, partition = places[number % len(places)]
                # Ten seconds of event time a round.
                value = json.dumps({"n": number, "ts": moment(number)}).encode()
                producer.produce(topic, value, partition=partition, headers={"round": str(round_number)}, timestamp=millis(number), on_delivery=self._noted)
                self.good.append((number, topic, partition))
                number += 1
            topic, partition = places[round_number % len(places)]
            producer.produce(topic, b'{"n": %d, "ts": \xff' % round_number, partition=partition, timestamp=millis(number), on_delivery=self._noted_bad)
            producer.produce("other", b"nothing", partition=0)
            producer.flush(30)
            if round_number % 20 == 10:
                self._abort(places, number)
            time.sleep(0.3)

    def _abort(self, places, number):
        """Sends what would be orders in a transaction that does not come to its end."""
        from confluent_kafka import Producer

        producer = Producer({"bootstrap.servers": self.broker.bootstrap_servers, "transactional.id": "aborted"})
        producer.init_transactions(30)
        producer.begin_transaction()
        for topic, partition in places:
            producer.produce(topic, b'{"n": -1, "ts": "2026-02-02T00:00:00"}', partition=partition, timestamp=millis(number))
        producer.flush(30)
        producer.abort_transaction(30)

    def _noted(self, error, _):
        if error:
            self.failed.append(error)

    def _noted_bad(self, error, message):
        self._noted(error, message)
        self.bad.append((message.topic(), message.partition(), message.offset(), message.value()))


if __name__ == "__main__":
    checks.run("kafka_source", check)

"""The broker that the other checks lean on is real: it makes topics, keeps records over a restart and gives them back."""

import checks
from kafka_broker import KafkaBroker

RECORDS = 1000


def check(claim, folder):
    from confluent_kafka import Consumer, Producer

    with KafkaBroker(folder) as broker:
        broker.create_topic("readings", 4)
        claim.equal(broker.topics(), {"readings": 4}, "the topic has four partitions")

        sent, failed = set(), []
        producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "enable.idempotence": True})
        for number in range(RECORDS):
            sent.add((b"device-%d" % (number % 7), b"%d" % number))
            producer.produce(
                "readings", key=b"device-%d" % (number % 7), value=b"%d" % number,
                on_delivery=lambda error, _: error and failed.append(error),
            )  # fmt: skip
            producer.poll(0)
        claim.equal(producer.flush(30), 0, "every record was acknowledged")
        claim.equal(failed, [], "no record failed")

        broker.stop()
        broker.start()
        consumer = Consumer({
            "bootstrap.servers": broker.bootstrap_servers, "group.id": "reader", "auto.offset.reset": "earliest",
        })  # fmt: skip
        consumer.subscribe(["readings"])
        received = []

        def all_received():
            for message in consumer.consume(RECORDS, timeout=1):
                if not message.error():
                    received.append((message.key(), message.value()))
            return len(received) >= RECORDS

        checks.wait_until(all_received, "every record comes back", 60)
        consumer.close()
        claim.equal(len(received), RECORDS, "each record comes back once after a restart")
        claim.equal(set(received), sent, "the records are the ones that were sent")


if __name__ == "__main__":
    checks.run("kafka_broker", check)

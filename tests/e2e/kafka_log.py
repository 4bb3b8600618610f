"""What is in a topic, read from its beginning to its end by an independent client."""

import checks


def messages(broker, topic, partitions):
    """Every message of Arrow rows: key, headers (as text) and rows. A topic that is not there yet has none."""
    import pyarrow as pa
    from confluent_kafka import Consumer, KafkaException, TopicPartition

    consumer = Consumer({
        "bootstrap.servers": broker.bootstrap_servers, "group.id": "oracle", "enable.auto.commit": False,
    })  # fmt: skip
    found = []
    try:
        for partition in range(partitions):
            place = TopicPartition(topic, partition)
            try:
                first, end = consumer.get_watermark_offsets(place, timeout=10)
            except KafkaException:
                return []
            if end <= first:
                continue
            consumer.assign([TopicPartition(topic, partition, first)])

            def read_to_end(end=end, place=place):
                for message in consumer.consume(500, timeout=0.5):
                    if message.error() or message.offset() >= end:
                        continue
                    table = pa.ipc.open_stream(message.value()).read_all()
                    headers = {name: value.decode() for name, value in message.headers() or []}
                    found.append({"key": message.key(), "headers": headers, "rows": table.to_pylist(), "table": table})
                return consumer.position([place])[0].offset >= end

            checks.wait_until(read_to_end, f"{topic} partition {partition} is read to its end", 30, every_s=0)
    finally:
        consumer.close()
    return found


def rows(broker, topic, partitions):
    """The rows of every message of a topic."""
    return [row for message in messages(broker, topic, partitions) for row in message["rows"]]


def committed(broker, topic):
    """Every message of a topic that no open or aborted transaction hides: partition, offset, key and value."""
    from confluent_kafka import Consumer, KafkaError, TopicPartition

    consumer = Consumer({
        "bootstrap.servers": broker.bootstrap_servers, "group.id": "oracle", "enable.auto.commit": False,
        "isolation.level": "read_committed", "enable.partition.eof": True,
    })  # fmt: skip
    found = []
    try:
        partitions = broker.topics().get(topic, 0)
        consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
        open_ends = set(range(partitions))

        def read_to_end():
            for message in consumer.consume(1000, timeout=0.5):
                if message.error() is None:
                    found.append((message.partition(), message.offset(), message.key(), message.value()))
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    open_ends.discard(message.partition())
            return not open_ends

        checks.wait_until(read_to_end, f"{topic} is read to its end", 60, every_s=0)
    finally:
        consumer.close()
    return found

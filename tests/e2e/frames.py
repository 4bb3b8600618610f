"""Made-up frames with known content, written to Kafka exactly as an edge device writes them.

One Arrow IPC stream a message, keyed by the device, with the headers of the contract.
"""

import datetime
import io
import uuid

SCHEMA = "headwater.frames.v1"


def timeline(devices, cameras, seconds, per_second=10, start=None):
    """Rows in the order of their time: every camera of every device, `per_second` frames a second of event time."""
    start = start or datetime.datetime(2026, 3, 1, 12, 0, 0)
    step = datetime.timedelta(milliseconds=1000 // per_second)
    for number in range(seconds * per_second):
        for device in range(devices):
            for camera in range(cameras):
                yield row(device, camera, start + number * step, number, (number * 7 + device * 3 + camera) % 10)


def row(device, camera, ts, number, people):
    return {
        "device_id": f"device-{device}", "camera_id": f"camera-{camera}", "ts": ts, "frame": number,
        "persons_detected": people, "objects_detected": people + 1, "width": 768, "height": 576,
        "model": "nanodet-g", "tier": "416", "inference_ms": 40.0, "energy_mj": None, "energy_method": "none",
        "skipped": 0,
    }  # fmt: skip


def schema():
    import pyarrow as pa

    text = pa.dictionary(pa.int32(), pa.string())
    types = {
        "device_id": text, "camera_id": text, "ts": pa.timestamp("ms"), "frame": pa.uint64(),
        "persons_detected": pa.uint16(), "objects_detected": pa.uint16(), "width": pa.uint16(), "height": pa.uint16(),
        "model": text, "tier": text, "inference_ms": pa.float32(), "energy_mj": pa.float32(),
        "energy_method": text, "skipped": pa.uint32(),
    }  # fmt: skip
    return pa.schema([pa.field(name, kind, nullable=name == "energy_mj") for name, kind in types.items()])


def to_stream(rows):
    import pyarrow as pa

    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, schema()) as writer:
        writer.write_batch(pa.RecordBatch.from_pylist(rows, schema=schema()))
    return sink.getvalue()


class Devices:
    """Devices that send: each counts its messages, and device *n* writes to partition *n* modulo the topic's four."""

    def __init__(self, bootstrap_servers, topic, partitions):
        from confluent_kafka import Producer

        self.topic, self.partitions = topic, partitions
        self.boot = str(uuid.uuid4())
        self.sequence = {}
        self.failed = []
        self.producer = Producer({
            "bootstrap.servers": bootstrap_servers, "enable.idempotence": True, "linger.ms": 5,
        })  # fmt: skip

    def send(self, rows):
        """One message a device among `rows`."""
        by_device = {}
        for frame in rows:
            by_device.setdefault(frame["device_id"], []).append(frame)
        for device, frames in by_device.items():
            sequence = self.sequence.get(device, 0)
            self.sequence[device] = sequence + 1
            self.producer.produce(
                self.topic, key=device, value=to_stream(frames),
                partition=int(device.rsplit("-", 1)[1]) % self.partitions,
                headers=[
                    ("content-type", b"application/vnd.apache.arrow.stream"), ("schema", SCHEMA.encode()),
                    ("device", device.encode()), ("boot", self.boot.encode()), ("seq", str(sequence).encode()),
                ],
                on_delivery=lambda error, _: error and self.failed.append(error),
            )  # fmt: skip
        self.producer.poll(0)

    def flush(self):
        """Gives what was not acknowledged."""
        return self.producer.flush(60), self.failed


def to_parquet(rows, path):
    """The same rows as a Parquet file, for the oracle."""
    import pyarrow as pa
    import pyarrow.parquet

    pa.parquet.write_table(pa.Table.from_pylist(rows, schema=schema()), path)

"""A real Apache Kafka broker (KRaft, one node) on loopback, as a child process, for as long as a `with` block.

Its jars come from `.ci/tools/kafka`. It may be stopped and started again on the same data and port in between.
"""

import os
import pathlib
import signal
import socket
import subprocess

import checks

STORAGE_ID = "4L6g3nShT-eMCtK--X86sw"
START_S_MAX = 60
STOP_S_MAX = 30


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class KafkaBroker:
    def __init__(self, folder, jars=None):
        self.folder = pathlib.Path(folder) / "kafka"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.jars = jars or os.environ.get("KAFKA_JARS") or _install()
        self.port = free_port()
        self.bootstrap_servers = f"127.0.0.1:{self.port}"
        self.child = None
        self.settings = self.folder / "server.properties"
        self.settings.write_text(_settings(self.port, free_port(), self.folder / "log"))
        self._java("kafka.tools.StorageTool", "format", "-t", STORAGE_ID, "-c", str(self.settings))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        """Starts the broker and returns once it answers a client."""
        output = open(self.folder / "broker.log", "ab")
        self.child = subprocess.Popen(
            self._command("kafka.Kafka", str(self.settings)), stdout=output, stderr=output, start_new_session=True,
            preexec_fn=checks.die_with_parent,
        )
        checks.wait_until(self._answers, "the Kafka broker answers", START_S_MAX, alive=self._must_run)

    def stop(self):
        """Ends the broker in order (its log is flushed), or by force when it does not end in time."""
        if self.child is None:
            return
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.child = None

    def create_topic(self, name, partitions):
        from confluent_kafka.admin import NewTopic

        # The client must outlive its futures.
        admin = self._admin()
        for future in admin.create_topics([NewTopic(name, partitions, 1)]).values():
            future.result(timeout=30)

    def add_partitions(self, name, partitions):
        """Lets a topic have so many partitions in all."""
        from confluent_kafka.admin import NewPartitions

        admin = self._admin()
        for future in admin.create_partitions([NewPartitions(name, partitions)]).values():
            future.result(timeout=30)

    def topics(self):
        """Name to number of partitions."""
        found = self._admin().list_topics(timeout=10).topics
        return {name: len(topic.partitions) for name, topic in found.items() if not name.startswith("__")}

    def _admin(self):
        from confluent_kafka.admin import AdminClient

        return AdminClient({"bootstrap.servers": self.bootstrap_servers}, logger=_silent())

    def _answers(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=1):
            pass
        return self._admin().list_topics(timeout=2).brokers

    def _must_run(self):
        if self.child.poll() is not None:
            log = (self.folder / "broker.log").read_text(errors="replace")[-3000:]
            raise checks.Failed(f"the Kafka broker ended with {self.child.returncode}:\n{log}")

    def _command(self, main, *arguments):
        return [
            "java", "-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-cp", f"{self.jars}/*", main, *arguments,
        ]  # fmt: skip

    def _java(self, main, *arguments):
        done = subprocess.run(self._command(main, *arguments), capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise checks.Failed(f"{main} ended with {done.returncode}:\n{done.stdout}{done.stderr}")


def _install():
    installer = checks.REPOSITORY / ".ci/tools/kafka"
    return subprocess.run([installer], check=True, stdout=subprocess.PIPE, text=True).stdout.strip().splitlines()[-1]


def _silent():
    import logging

    logger = logging.getLogger("kafka-client")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return logger


def _settings(port, controller_port, log_folder):
    return f"""\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs={log_folder}
auto.create.topics.enable=false
num.partitions=4
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
log.flush.interval.messages=9223372036854775807
controlled.shutdown.enable=true
"""

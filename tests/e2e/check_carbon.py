"""What an agent does when electricity is dirty, with a real Kafka, a real clip and a forecast of its own: it looks less, it
keeps what it has to say for a cleaner moment that is near, and it does neither while somebody is seen who must not be
missed.
"""

import datetime

import checks
import headwater
import kafka_log
from headwater import edge_metric as metric
from kafka_broker import KafkaBroker, free_port

DIRTY, CLEAN = 600, 40
# How long the dirty hour goes on.
DIRTY_S = 40
SETTINGS = """\
loop = true
fps = 10.0
tiers = [416, 320, 256]
[batch]
linger_ms = 200
[status]
interval_ms = 1000
[metrics]
listen = "127.0.0.1:{port}"
[carbon]
defer_upload_hours_max = 1.0
[carbon.source]
kind = "trace"
path = "{trace}"
[carbon.control]
accuracy_loss_max = 0.05
# No accuracy is saved up before some may be spent.
reserve_hours = 0.0
dwell_ms = 1000
switches_per_hour_max = 60
alert_classes = [{alert_classes}]
"""


def check(claim, folder):
    with KafkaBroker(folder) as broker:
        with agent(folder, broker, "calm", "") as (calm, clean_at):
            looks_less_and_waits(claim, broker, calm, clean_at)
        with agent(folder, broker, "alert", '"person"') as (alert, _):
            misses_nobody(claim, broker, alert)


class agent:
    """An agent that runs in a dirty hour, with its metrics; and when that hour ends."""

    def __init__(self, folder, broker, device, alert_classes):
        now = datetime.datetime.now(datetime.UTC)
        self.clean_at = now + datetime.timedelta(seconds=DIRTY_S)
        past = [(now - datetime.timedelta(hours=hours), 100 + hours % 24) for hours in range(47, 0, -1)]
        rows = [*past, (now - datetime.timedelta(seconds=1), DIRTY), (self.clean_at, CLEAN)]
        trace = folder / f"{device}.csv"
        trace.write_text("timestamp,g_per_kwh\n" + "".join(f"{at:%Y-%m-%dT%H:%M:%S},{value}\n" for at, value in rows))
        port = free_port()
        path = headwater.clip_settings(folder, broker, device, SETTINGS.format(port=port, trace=trace, alert_classes=alert_classes))
        self.running = headwater.Running(folder, "run", "--config", path, program="headwater-edge", name=device, listens=False)
        self.running.http_port = port

    def __enter__(self):
        return self.running.__enter__(), self.clean_at

    def __exit__(self, *error):
        return self.running.__exit__(*error)


def looks_less_and_waits(claim, broker, calm, clean_at):
    step = checks.wait_until(lambda: metric(calm, "carbon_step") or None, "a step down is taken", DIRTY_S / 2, alive=calm.must_run)
    tier = metric(calm, "tier_pixels")
    claim.that(step > 0 and metric(calm, "carbon_intensity_g_per_kwh") == DIRTY, f"where electricity is dirty the camera is looked at with less: step {step:.0f}, input {tier:.0f}")
    checks.wait_until(lambda: metric(calm, "upload_deferred") == 1, "uploads wait", DIRTY_S / 2, alive=calm.must_run)
    waiting, sent = metric(calm, "spool_rows"), len(rows(broker, "calm"))
    checks.wait_until(lambda: metric(calm, "spool_rows") > waiting + 50, "rows gather on disk", DIRTY_S / 2, alive=calm.must_run)
    claim.that(datetime.datetime.now(datetime.UTC) < clean_at, "it is still dirty")
    claim.equal((len(rows(broker, "calm")), metric(calm, "upload_deferred")), (sent, 1), "what is seen then waits on disk, and nothing more goes out")
    checks.wait_until(lambda: metric(calm, "upload_deferred") == 0, "uploads go on", DIRTY_S + 30, alive=calm.must_run)
    claim.that(datetime.datetime.now(datetime.UTC) >= clean_at and metric(calm, "carbon_intensity_g_per_kwh") == CLEAN, "when it is clean they go on")
    checks.wait_until(lambda: metric(calm, "carbon_step") == 0, "the best way to look is taken", 30, alive=calm.must_run)
    gathered = metric(calm, "frames_total")
    checks.wait_until(lambda: len(rows(broker, "calm")) >= gathered, "everything that was seen meanwhile arrives", 30, alive=calm.must_run, every_s=1)
    numbers = [row["frame"] for row in rows(broker, "calm")]
    claim.that(len(set(numbers)) == len(numbers), "nothing of it twice", len(numbers))
    claim.equal(calm.interrupt(), 0, "Ctrl-C ends the agent with 0")


def misses_nobody(claim, broker, alert):
    checks.wait_until(lambda: metric(alert, "carbon_intensity_g_per_kwh") == DIRTY, "the trace is read", DIRTY_S / 2, alive=alert.must_run)
    checks.wait_until(lambda: metric(alert, "persons"), "a person is seen", DIRTY_S / 2, alive=alert.must_run)
    checks.wait_until(lambda: len(rows(broker, "alert")) > 50, "frames arrive", DIRTY_S / 2, alive=alert.must_run, every_s=1)
    held = [metric(alert, name) for name in ("carbon_intensity_g_per_kwh", "carbon_step", "tier_pixels", "upload_deferred")]
    claim.equal(held, [DIRTY, 0, 416, 0], "while somebody is seen who must not be missed, nothing is saved however dirty it is")
    claim.equal(alert.interrupt(), 0, "Ctrl-C ends the agent with 0")


def rows(broker, device):
    return [row for row in kafka_log.rows(broker, "edge-data", headwater.PARTITIONS) if row["device_id"] == device]


if __name__ == "__main__":
    checks.run("carbon", check)

"""`headwater up` on its own: from two cameras to `/data`, gRPC, the page and Parquet, and on again on the same data.

With the embedded broker, whose log is gone after each end: the tables and what was open must go on all the same.
"""

import json
import os
import pathlib
import shutil

import checks
import headwater
import page
import tables


def check(claim, folder):
    data_dir = folder / "data"
    first_run(claim, folder, data_dir)
    count_after_first = frames_in(data_dir)
    read_by_everyone(claim, data_dir)
    windows_agree(claim, data_dir)
    ad_hoc_over_history(claim, folder, data_dir, count_after_first)
    second_run(claim, folder, data_dir)
    claim.that(frames_in(data_dir) > count_after_first, "a second `up` adds to the same tables", frames_in(data_dir))
    windows_agree(claim, data_dir)
    claim.equal(tables.strays(data_dir), [], "nothing but finished Parquet stands below the tables")


def first_run(claim, folder, data_dir):
    up = headwater.Running(folder, "up", "--for", "60s", "--data-dir", data_dir, name="up-first")
    with up:
        up.wait_ready()
        claim.equal(up.get("/healthz")[0], 200, "/healthz answers")
        cameras = both_devices(up)
        claim.equal(len({row["device_id"] for row in cameras}), headwater.DEVICES, "/data shows both devices")
        plausible_counts(claim, up)
        api(claim, up)
        metrics(claim, up)
        live_page(claim, up, folder)
        claim.equal(up.wait(90), 0, "`up --for 60s` exits with 0")
    said = up.output()
    for way_in in ["grpcurl", "curl", "read_parquet"]:
        claim.that(way_in in said or (way_in == "read_parquet" and "scan_parquet" in said), f"the terminal says a {way_in} line to try")
    claim.that("memory" in said, "the terminal says that the embedded log is kept in memory")
    claim.that("panicked" not in said, "nothing panicked", said[-2000:])


def both_devices(up):
    def seen():
        rows = json.loads(up.get("/data")[1])
        return rows if len({row["device_id"] for row in rows}) >= headwater.DEVICES else None

    return checks.wait_until(seen, "/data shows both devices", 30, alive=up.must_run)


def plausible_counts(claim, up):
    """The clip shows 3 to 9 people; at smaller sizes the network loses or doubles one."""
    rows = json.loads(up.get("/data")[1])
    claim.that(isinstance(rows, list), "/data is an array")
    wanted = {"device_id", "camera_id", "timestamp", "persons_detected"}
    claim.that(all(wanted <= row.keys() for row in rows), f"each camera of /data has {', '.join(sorted(wanted))}", rows)
    samples, newest = [], {}

    def sampled():
        for row in json.loads(up.get("/data")[1]):
            camera = (row["device_id"], row["camera_id"])
            if newest.get(camera) != row["timestamp"]:
                newest[camera] = row["timestamp"]
                samples.append(row["persons_detected"])
        return len(samples) >= 20

    checks.wait_until(sampled, "/data moves on", 30, alive=up.must_run)
    fitting = [people for people in samples if headwater.PEOPLE_MIN <= people <= headwater.PEOPLE_MAX]
    claim.that(len(fitting) >= 0.9 * len(samples), f"{headwater.PEOPLE_MIN} to {headwater.PEOPLE_MAX} people are in view", samples)
    claim.that(len(set(samples)) > 1, "the number of people changes", samples)


def api(claim, up):
    services = up.grpcurl("list").split()
    for service in ["headwater.v1.QueryService", "grpc.health.v1.Health"]:
        claim.that(service in services, f"reflection lists {service}", services)
    methods = up.grpcurl("list", "headwater.v1.QueryService")
    for method in ["Query", "Subscribe", "ListQueries", "GetQuery", "ListDevices"]:
        claim.that(f"QueryService.{method}\n" in methods + "\n", f"QueryService has {method}", methods)
    health = json.loads(up.grpcurl("grpc.health.v1.Health/Check", request={}))
    claim.equal(health.get("status"), "SERVING", "health says SERVING")

    listed = json.loads(up.grpcurl("headwater.v1.QueryService/ListQueries", request={})).get("queries", [])
    running = {query["name"] for query in listed if query["phase"] == "QUERY_PHASE_RUNNING"}
    # Beside them runs `system`, the views that the server itself reads.
    claim.equal(running - {"system"}, set(headwater.BUNDLED_QUERIES), "every bundled query is running")
    one = json.loads(up.grpcurl("headwater.v1.QueryService/GetQuery", request={"name": headwater.PEOPLE_PER_CAMERA}))
    claim.that(one.get("graph") and one.get("sources"), "GetQuery gives the graph and the sources", one)
    devices = json.loads(up.grpcurl("headwater.v1.QueryService/ListDevices", request={})).get("devices", [])
    claim.equal(len(devices), headwater.DEVICES, "ListDevices gives both devices")

    def answered():
        rows = up.query(f"SELECT device_id, count(*) AS frames FROM {headwater.FRAMES} GROUP BY device_id")
        return rows if len(rows) == headwater.DEVICES else None

    rows = checks.wait_until(answered, "Query answers over both devices' frames", 30, alive=up.must_run, every_s=1)
    claim.that(all(int(row["frames"]) > 0 for row in rows), "Query counts the frames of both devices", rows)


def metrics(claim, up):
    def complete():
        return not headwater.missing_metrics(up.get("/metrics")[1], headwater.SERVER_METRICS)

    # The first checkpoint may be a few seconds away.
    try:
        checks.wait_until(complete, "every metric is there", 30, alive=up.must_run, every_s=1)
    except checks.Failed:
        pass
    missing = headwater.missing_metrics(up.get("/metrics")[1], headwater.SERVER_METRICS)
    claim.equal(missing, [], "/metrics has every metric that the dashboard reads")


def live_page(claim, up, folder):
    with page.Page() as tab:
        tab.open(up.url("/"))
        devices = sorted({row["device_id"] for row in json.loads(up.get("/data")[1])})
        names_all = f"{json.dumps(devices)}.every(name => document.body.innerText.includes(name))"
        checks.wait_until(lambda: tab.evaluate(names_all), "the page names both devices", 30, alive=up.must_run)
        names_query = f"document.body.innerText.includes({json.dumps(headwater.PEOPLE_PER_CAMERA)})"
        checks.wait_until(lambda: tab.evaluate(names_query), "the page names the queries", 30, alive=up.must_run)
        drawn = """[...document.querySelectorAll('canvas')].filter(canvas => canvas.width > 0 && canvas.getContext('2d')
            .getImageData(0, 0, canvas.width, canvas.height).data.some(value => value !== 0)).length"""
        checks.wait_until(lambda: tab.evaluate(drawn) > 0, "a chart is drawn", 30, alive=up.must_run)
        before = tab.evaluate("document.body.innerText")
        checks.wait_until(lambda: tab.evaluate("document.body.innerText") != before, "the page moves on", 15)
        problems = [problem for problem in tab.problems if "favicon" not in problem]
        claim.equal(problems, [], "the page shows both devices, the queries and a chart, without an error")
        shot = folder / "page.png"
        tab.screenshot(shot)
        claim.that(shot.stat().st_size > 20_000, "the screenshot shows something", shot.stat().st_size)
        if os.environ.get("HEADWATER_SCREENSHOT"):
            shutil.copy(shot, pathlib.Path(os.environ["HEADWATER_SCREENSHOT"]))


def frames_in(data_dir):
    return tables.rows(f"SELECT count(*) FROM {tables.relation(data_dir, headwater.FRAMES)}")[0][0]


def read_by_everyone(claim, data_dir):
    for table in [headwater.FRAMES, headwater.PEOPLE_PER_CAMERA]:
        contents = tables.contents_by_reader(data_dir, table)
        columns, rows = contents["duckdb"]
        claim.that(len(rows) > 5, f"{table} has rows", len(rows))
        for reader in ["polars", "pyarrow", "pandas"]:
            claim.equal(contents[reader][0], columns, f"{reader} sees the columns of {table} that DuckDB sees")
            claim.that(contents[reader][1] == rows, f"{reader} sees the {len(rows)} rows of {table} that DuckDB sees", contents[reader][1][:1] + rows[:1])


def windows_agree(claim, data_dir):
    oracle = tables.windows_of_frames(tables.relation(data_dir, headwater.FRAMES))
    tables.compare_windows(claim, tables.windows_of_results(data_dir), oracle)
    doubled = tables.rows(f"""
        SELECT device_id, camera_id, ts, frame FROM {tables.relation(data_dir, headwater.FRAMES)}
        GROUP BY ALL HAVING count(*) > 1
    """)
    claim.equal(doubled, [], "no frame is in the table twice")


def ad_hoc_over_history(claim, folder, data_dir, count):
    done = headwater.once("sql", f"SELECT count(*) AS n FROM {headwater.FRAMES}", "--data-dir", data_dir, cwd=folder)
    claim.that(done.returncode == 0 and str(count) in done.stdout, "`sql` counts the frames of a server that has ended", done.stdout + done.stderr)


def second_run(claim, folder, data_dir):
    with headwater.Running(folder, "up", "--data-dir", data_dir, name="up-second") as up:
        up.wait_ready()
        both_devices(up)
        injected = {"device_id": "by-hand", "timestamp": now(), "persons_detected": 5}
        status, body = up.post_json("/data", injected)
        claim.that(status in (200, 201, 202), "POST /data is taken", f"{status} {body}")

        def came_back():
            return [row for row in json.loads(up.get("/data")[1]) if row["device_id"] == "by-hand"]

        row = checks.wait_until(came_back, "what was posted comes back through Kafka", 20, alive=up.must_run)[0]
        claim.equal(row["persons_detected"], 5, "what was posted comes back through Kafka")

        windows_before = len(tables.windows_of_results(data_dir))
        checks.wait_until(
            lambda: len(tables.windows_of_results(data_dir)) > windows_before + 2 * headwater.DEVICES,
            "new windows are written", 60, alive=up.must_run, every_s=1,
        )  # fmt: skip
        claim.equal(up.interrupt(), 0, "Ctrl-C ends `up` with 0")


def now():
    import datetime

    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")


if __name__ == "__main__":
    checks.run("up", check)

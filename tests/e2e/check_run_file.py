"""`headwater run FILE.sql` over a bounded file gives the rows that a batch query gives over the same file."""

import datetime
import json
import random

import headwater
import tables

ROWS = 5000
QUERY = """\
-- How many people were seen per camera and ten seconds?
CREATE TABLE sightings (
    ts TIMESTAMP NOT NULL,
    camera_id TEXT NOT NULL,
    people INT,
    WATERMARK FOR ts
) WITH (connector = 'single_file', path = '{source}', format = 'json', type = 'source');

CREATE TABLE answers (
    window_start TIMESTAMP, camera_id TEXT, sightings BIGINT, people BIGINT, most BIGINT
) WITH (connector = 'single_file', path = '{sink}', format = 'json', type = 'sink');

INSERT INTO answers
SELECT window.start, camera_id, sightings, people, most FROM (
    SELECT tumble(interval '10 seconds') AS window, camera_id,
           count(*) AS sightings, sum(people) AS people, CAST(max(people) AS BIGINT) AS most
    FROM sightings
    WHERE people IS NULL OR people < 90
    GROUP BY window, camera_id
    HAVING count(*) > 1
);
"""


def check(claim, folder):
    source, sink, query = folder / "sightings.json", folder / "answers.json", folder / "per_camera.sql"
    write_sightings(source)
    query.write_text(QUERY.format(source=source, sink=sink))

    done = headwater.once("check", query, cwd=folder)
    claim.that(done.returncode == 0, "`check` accepts the file", done.stdout + done.stderr)
    done = headwater.once("explain", query, cwd=folder)
    claim.that(done.returncode == 0 and "tumble" in (done.stdout + done.stderr).lower(), "`explain` shows the window", done.stdout + done.stderr)
    done = headwater.once("run", query, cwd=folder, timeout_s=120)
    claim.must(done.returncode == 0, "`run` ends with 0 when its source has ended", done.stdout + done.stderr)

    answers = [json.loads(line) for line in sink.read_text().splitlines() if line.strip()]
    found = [
        (datetime.datetime.fromisoformat(row["window_start"]), row["camera_id"], row["sightings"], row["people"], row["most"])
        for row in answers
    ]
    expected = tables.rows(f"""
        SELECT time_bucket(INTERVAL '10 seconds', ts, TIMESTAMP '1970-01-01'), camera_id, count(*), sum(people)::BIGINT, max(people)::BIGINT
        FROM read_json('{source}', columns = {{ts: 'TIMESTAMP', camera_id: 'VARCHAR', people: 'INT'}})
        WHERE people IS NULL OR people < 90
        GROUP BY ALL HAVING count(*) > 1
    """)
    claim.that(len(expected) > 100, "the batch query has an answer to compare with", len(expected))
    claim.equal(len(found), len(set(found)), "no row is repeated")
    claim.equal(sorted(found, key=repr), sorted(expected, key=repr), "`run` gives the batch answer")

    done = headwater.once("run", query, cwd=folder, timeout_s=120)
    claim.equal(done.returncode, 0, "a second `run` ends with 0")

    broken = folder / "broken.sql"
    broken.write_text(query.read_text().replace("camera_id,\n           count", "camra_id,\n           count"))
    done = headwater.once("check", broken, cwd=folder)
    said = done.stdout + done.stderr
    claim.that(done.returncode != 0, "`check` refuses an unknown column")
    claim.that("broken.sql" in said and "camra_id" in said and "camera_id" in said, "and names the file, the column and the one that was meant", said)


def write_sightings(path):
    """Frames in the order of their time, jittered by less than the watermark's second, some people unknown."""
    dice = random.Random(7)
    moment = datetime.datetime(2026, 3, 1, 8, 0, 0)
    with open(path, "w") as lines:
        for _ in range(ROWS):
            moment += datetime.timedelta(milliseconds=dice.randint(50, 400))
            ts = moment - datetime.timedelta(milliseconds=dice.randint(0, 400))
            people = None if dice.random() < 0.05 else dice.randint(0, 99)
            camera = f"camera-{dice.randint(1, 4)}"
            lines.write(json.dumps({"ts": ts.isoformat(timespec="milliseconds"), "camera_id": camera, "people": people}) + "\n")


if __name__ == "__main__":
    import checks

    checks.run("run_file", check)

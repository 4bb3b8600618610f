"""The queries, each said three times: to headwater, to batch DataFusion, and to clink.

All three give the same columns; instants are milliseconds or timestamps, and are compared as milliseconds. The batch
side is written as well as we could: a hop is aggregated by slices first and only its groups are repeated.

`clink` is None where clink cannot say the query; the reason stands in `without`. `updating` marks results that change
while rows come; what is compared is the last of them.
"""

from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True)
class Query:
    name: str
    what: str
    tables: tuple
    columns: tuple
    headwater: str
    batch: str
    clink: Optional[str] = None
    without: str = ""
    updating: bool = False
    # What tells the rows of an updating answer apart.
    key: tuple = ()
    # Clink makes changes of it where the others make rows.
    clink_updating: bool = False


TUMBLE = "tumble(interval '10 seconds')"
BIN = "date_bin(interval '10 seconds', date_time)"

QUERIES = [
    Query(
        "q0", "pass through", ("bid",),
        ("auction BIGINT", "bidder BIGINT", "price BIGINT", "at_ms BIGINT", "extra TEXT"),
        "SELECT auction, bidder, price, at_ms, extra FROM bid",
        "SELECT auction, bidder, price, at_ms, extra FROM bid",
        "SELECT auction, bidder, price, at_ms, extra FROM bid",
    ),
    Query(
        "q1", "a computed column", ("bid",),
        ("auction BIGINT", "bidder BIGINT", "price DOUBLE", "at_ms BIGINT", "extra TEXT"),
        "SELECT auction, bidder, 0.908 * price AS price, at_ms, extra FROM bid",
        "SELECT auction, bidder, 0.908 * price AS price, at_ms, extra FROM bid",
        "SELECT auction, bidder, CAST(0.908 * price AS DOUBLE) AS price, at_ms, extra FROM bid",
    ),
    Query(
        "q2", "a filter", ("bid",),
        ("auction BIGINT", "price BIGINT"),
        "SELECT auction, price FROM bid WHERE auction % 123 = 0",
        "SELECT auction, price FROM bid WHERE auction % 123 = 0",
        "SELECT auction, price FROM bid WHERE MOD(auction, 123) = 0",
    ),
    Query(
        "q5", "the auctions with the most bids, hop 10 s every 2 s", ("bid",),
        ("auction BIGINT", "num BIGINT", "window_start BIGINT"),
        """SELECT auction, num, window.start AS window_start FROM (
             SELECT *, RANK() OVER (PARTITION BY window ORDER BY num DESC) AS place FROM (
               SELECT auction, count(*) AS num, hop(interval '2 seconds', interval '10 seconds') AS window
               FROM bid GROUP BY auction, window
             )) WHERE place <= 1""",
        """SELECT auction, num, window_start FROM (
             SELECT *, RANK() OVER (PARTITION BY window_start ORDER BY num DESC) AS place FROM (
               SELECT auction, slice - back * 2000 AS window_start, sum(n) AS num FROM (
                 SELECT auction, at_ms - at_ms % 2000 AS slice, count(*) AS n FROM bid GROUP BY 1, 2
               ) CROSS JOIN (VALUES (0), (1), (2), (3), (4)) AS backs(back) GROUP BY 1, 2
             )) WHERE place <= 1""",
        """SELECT auction, num, wstart AS window_start FROM (
             SELECT *, RANK() OVER (PARTITION BY wstart ORDER BY num DESC) AS place FROM (
               SELECT auction, COUNT(*) AS num, window_start AS wstart FROM bid
               GROUP BY HOP(at_ms, INTERVAL '10' SECOND, INTERVAL '2' SECOND), auction
             ) AS W) AS R WHERE place <= 1""",
        key=("window_start", "auction"), clink_updating=True,
    ),
    Query(
        "q7", "the highest price, tumble 10 s (the maximum alone, without the join back to its bid)", ("bid",),
        ("price BIGINT", "bidder BIGINT", "window_start BIGINT"),
        f"""SELECT price, bidder, window.start AS window_start FROM (
             SELECT max(price) AS price, min(bidder) AS bidder, {TUMBLE} AS window FROM bid GROUP BY window)""",
        f"SELECT max(price) AS price, min(bidder) AS bidder, {BIN} AS window_start FROM bid GROUP BY window_start",
        """SELECT MAX(price) AS price, MIN(bidder) AS bidder, window_start FROM bid
           GROUP BY TUMBLE(at_ms, INTERVAL '10' SECOND)""",
    ),
    Query(
        "q8", "people who sell as they come: a join of two tumbles of 10 s", ("person", "auction"),
        ("id BIGINT", "name TEXT", "window_start BIGINT"),
        f"""SELECT p.id, p.name, p.window.start AS window_start
            FROM (SELECT id, name, {TUMBLE} AS window FROM person GROUP BY id, name, window) AS p
            JOIN (SELECT seller, {TUMBLE} AS window FROM auction GROUP BY seller, window) AS a
            ON p.id = a.seller AND p.window = a.window""",
        f"""SELECT p.id, p.name, p.window_start
            FROM (SELECT id, name, {BIN} AS window_start FROM person GROUP BY id, name, window_start) AS p
            JOIN (SELECT seller, {BIN} AS window_start FROM auction GROUP BY seller, window_start) AS a
            ON p.id = a.seller AND p.window_start = a.window_start""",
        """SELECT P_id AS id, P_name AS name, P_ws AS window_start
           FROM (SELECT id, name, window_start AS ws, COUNT(*) AS n FROM person
                 GROUP BY TUMBLE(at_ms, INTERVAL '10' SECOND), id, name) AS P
           JOIN (SELECT seller, window_start AS ws, COUNT(*) AS n FROM auction
                 GROUP BY TUMBLE(at_ms, INTERVAL '10' SECOND), seller) AS A
           ON P.id = A.seller WHERE P_ws = A_ws""",
    ),
    Query(
        "q11", "bids in a session of 10 s", ("bid",),
        ("bidder BIGINT", "bids BIGINT", "window_start BIGINT"),
        """SELECT bidder, bids, window.start AS window_start FROM (
             SELECT bidder, count(*) AS bids, session(interval '10 seconds') AS window FROM bid GROUP BY bidder, window)""",
        """SELECT bidder, count(*) AS bids, min(date_time) AS window_start FROM (
             SELECT *, sum(opens) OVER (PARTITION BY bidder ORDER BY date_time ROWS UNBOUNDED PRECEDING) AS session FROM (
               SELECT bidder, date_time, CASE WHEN date_time - lag(date_time) OVER (PARTITION BY bidder ORDER BY date_time)
                 < interval '10 seconds' THEN 0 ELSE 1 END AS opens FROM bid))
           GROUP BY bidder, session""",
        """SELECT bidder, COUNT(*) AS bids, window_start FROM bid
           GROUP BY SESSION(at_ms, INTERVAL '10' SECOND), bidder""",
    ),
    Query(
        "q12", "bids of each bidder, tumble 10 s of event time", ("bid",),
        ("bidder BIGINT", "bids BIGINT", "window_start BIGINT"),
        f"""SELECT bidder, bids, window.start AS window_start FROM (
             SELECT bidder, count(*) AS bids, {TUMBLE} AS window FROM bid GROUP BY bidder, window)""",
        f"SELECT bidder, count(*) AS bids, {BIN} AS window_start FROM bid GROUP BY bidder, window_start",
        """SELECT bidder, COUNT(*) AS bids, window_start FROM bid
           GROUP BY TUMBLE(at_ms, INTERVAL '10' SECOND), bidder""",
    ),
    Query(
        "q17", "an auction's day in seven aggregates, without a window", ("bid",),
        ("auction BIGINT", "day BIGINT", "bids BIGINT", "cheap BIGINT", "lowest BIGINT", "highest BIGINT",
         "mean DOUBLE", "total BIGINT"),
        *["""SELECT auction, at_ms / 86400000 AS day, count(*) AS bids,
               sum(CASE WHEN price < 10000 THEN 1 ELSE 0 END) AS cheap, min(price) AS lowest, max(price) AS highest,
               avg(price) AS mean, sum(price) AS total
             FROM bid GROUP BY auction, at_ms / 86400000"""] * 2,
        """SELECT auction, day, COUNT(*) AS bids, SUM(low) AS cheap, MIN(price) AS lowest, MAX(price) AS highest,
             AVG(price) AS mean, SUM(price) AS total
           FROM (SELECT auction, price, at_ms / 86400000 AS day, CASE WHEN price < 10000 THEN 1 ELSE 0 END AS low
                 FROM bid) AS B GROUP BY auction, day""",
        updating=True, key=("auction", "day"),
    ),
    Query(
        "q18", "the last bid of each bidder on each auction", ("bid",),
        ("auction BIGINT", "bidder BIGINT", "price BIGINT", "at_ms BIGINT"),
        *["""SELECT auction, bidder, price, at_ms FROM (
               SELECT *, ROW_NUMBER() OVER (PARTITION BY bidder, auction ORDER BY at_ms DESC, price DESC) AS place
               FROM bid) AS ranked WHERE place = 1"""] * 3,
        updating=True, key=("bidder", "auction"),
    ),
    Query(
        "q19", "the ten highest bids of each auction", ("bid",),
        ("auction BIGINT", "bidder BIGINT", "price BIGINT", "at_ms BIGINT"),
        *["""SELECT auction, bidder, price, at_ms FROM (
               SELECT *, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC, at_ms, bidder) AS place
               FROM bid) AS ranked WHERE place <= 10"""] * 3,
        updating=True, key=("auction", "bidder", "price", "at_ms"),
    ),
    Query(
        "cameras", "detections of each camera, tumble 10 s", ("detection",),
        ("camera_id TEXT", "n BIGINT", "mean DOUBLE", "window_start BIGINT"),
        f"""SELECT camera_id, n, mean, window.start AS window_start FROM (
             SELECT camera_id, count(*) AS n, avg(confidence) AS mean, {TUMBLE} AS window
             FROM detection GROUP BY camera_id, window)""",
        """SELECT camera_id, count(*) AS n, avg(confidence) AS mean, date_bin(interval '10 seconds', ts) AS window_start
           FROM detection GROUP BY camera_id, window_start""",
        """SELECT camera_id, COUNT(*) AS n, AVG(confidence) AS mean, window_start FROM detection
           GROUP BY TUMBLE(at_ms, INTERVAL '10' SECOND), camera_id""",
    ),
    Query(
        "tracks", "distinct tracks of each camera, hop 60 s every 5 s", ("detection",),
        ("camera_id TEXT", "tracks BIGINT", "window_start BIGINT"),
        """SELECT camera_id, tracks, window.start AS window_start FROM (
             SELECT camera_id, count(DISTINCT track_id) AS tracks,
                    hop(interval '5 seconds', interval '1 minute') AS window
             FROM detection GROUP BY camera_id, window)""",
        """SELECT camera_id, count(DISTINCT track_id) AS tracks, slice - back * 5000 AS window_start FROM (
             SELECT DISTINCT camera_id, track_id, at_ms - at_ms % 5000 AS slice FROM detection
           ) CROSS JOIN (SELECT unnest(range(0, 12)) AS back) GROUP BY 1, 3""",
        """SELECT camera_id, COUNT(DISTINCT track_id) AS tracks, window_start FROM detection
           GROUP BY HOP(at_ms, INTERVAL '60' SECOND, INTERVAL '5' SECOND), camera_id""",
    ),
    Query(
        "top", "the three busiest cameras, tumble 10 s", ("detection",),
        ("camera_id TEXT", "n BIGINT", "window_start BIGINT"),
        f"""SELECT camera_id, n, window.start AS window_start FROM (
             SELECT *, ROW_NUMBER() OVER (PARTITION BY window ORDER BY n DESC, camera_id) AS place FROM (
               SELECT camera_id, count(*) AS n, {TUMBLE} AS window FROM detection GROUP BY camera_id, window
             )) WHERE place <= 3""",
        """SELECT camera_id, n, window_start FROM (
             SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start ORDER BY n DESC, camera_id) AS place FROM (
               SELECT camera_id, count(*) AS n, date_bin(interval '10 seconds', ts) AS window_start
               FROM detection GROUP BY camera_id, window_start
             )) WHERE place <= 3""",
        """SELECT camera_id, n, wstart AS window_start FROM (
             SELECT *, ROW_NUMBER() OVER (PARTITION BY wstart ORDER BY n DESC, camera_id) AS place FROM (
               SELECT camera_id, COUNT(*) AS n, window_start AS wstart FROM detection
               GROUP BY TUMBLE(at_ms, INTERVAL '10' SECOND), camera_id
             ) AS W) AS R WHERE place <= 3""",
        key=("window_start", "camera_id"), clink_updating=True,
    ),
]

# What each table has, in SQL's words; the instant of a row is there as a timestamp and as milliseconds, as clink's
# event time is a number.
TABLES = {
    "bid": ("date_time", ("auction BIGINT", "bidder BIGINT", "price BIGINT", "channel TEXT", "url TEXT",
                          "date_time TIMESTAMP(3)", "at_ms BIGINT", "extra TEXT")),
    "auction": ("date_time", ("id BIGINT", "item_name TEXT", "description TEXT", "initial_bid BIGINT",
                              "reserve BIGINT", "date_time TIMESTAMP(3)", "at_ms BIGINT", "expires TIMESTAMP(3)",
                              "seller BIGINT", "category BIGINT", "extra TEXT")),
    "person": ("date_time", ("id BIGINT", "name TEXT", "email_address TEXT", "credit_card TEXT", "city TEXT",
                             "state TEXT", "date_time TIMESTAMP(3)", "at_ms BIGINT", "extra TEXT")),
    "detection": ("ts", ("camera_id TEXT", "ts TIMESTAMP(3)", "at_ms BIGINT", "frame BIGINT", "object_class TEXT",
                         "confidence DOUBLE", "x1 DOUBLE", "y1 DOUBLE", "x2 DOUBLE", "y2 DOUBLE", "track_id BIGINT")),
}

"""The rows that every engine reads: auctions after the published Nexmark generator, and detections of cameras.

Nexmark in its published proportions: of fifty events one is a person, three are auctions and forty-six bids; ten
thousand events a second of event time, in order; half the bids go to the hottest auction, three quarters come from the
hottest bidder. Every table is written twice with the same rows: as one file, for one reader, and as two files with
every other row, for two.
"""

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

START_MS = 1_700_000_000_000
EVENTS_A_SECOND = 10_000
FIRST_ID = 1_000
IN_FLIGHT_AUCTIONS = 100
ACTIVE_PEOPLE = 1_000
ID_LEAD = 10
CHANNELS = 10_000
BLOCK_EVENTS = 1_000_000
ROW_GROUP_ROWS = 1 << 17
# Names under which the two files of a table fall to the two instances of a headwater job, which go by a hash of them.
HALVES = ("part-0.parquet", "part-1.parquet")

CAMERAS = 200
DETECTIONS_A_SECOND = 5_000
CLASSES = ("person", "car", "bicycle", "truck", "dog", "bus")


class Writer:
    """One table, as one file and as two halves."""

    def __init__(self, folder, name, schema):
        self.schema = schema
        paths = [folder / name / "1" / "part-0.parquet"] + [folder / name / "2" / half for half in HALVES]
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
        self.writers = [pq.ParquetWriter(path, schema, compression="snappy") for path in paths]
        self.rows = 0

    def write(self, columns):
        table = pa.table(columns, schema=self.schema)
        odd = np.arange(self.rows, self.rows + table.num_rows) % 2
        parts = [table, table.filter(pa.array(odd == 0)), table.filter(pa.array(odd == 1))]
        for writer, part in zip(self.writers, parts):
            writer.write_table(part, row_group_size=ROW_GROUP_ROWS)
        self.rows += table.num_rows

    def close(self):
        for writer in self.writers:
            writer.close()


def fields(**types):
    return pa.schema([pa.field(name, data_type, nullable=False) for name, data_type in types.items()])


BID = fields(auction=pa.int64(), bidder=pa.int64(), price=pa.int64(), channel=pa.string(), url=pa.string(),
             date_time=pa.timestamp("ms"), at_ms=pa.int64(), extra=pa.string())
AUCTION = fields(id=pa.int64(), item_name=pa.string(), description=pa.string(), initial_bid=pa.int64(),
                 reserve=pa.int64(), date_time=pa.timestamp("ms"), at_ms=pa.int64(), expires=pa.timestamp("ms"),
                 seller=pa.int64(), category=pa.int64(), extra=pa.string())
PERSON = fields(id=pa.int64(), name=pa.string(), email_address=pa.string(), credit_card=pa.string(), city=pa.string(),
                state=pa.string(), date_time=pa.timestamp("ms"), at_ms=pa.int64(), extra=pa.string())
DETECTION = fields(camera_id=pa.string(), ts=pa.timestamp("ms"), at_ms=pa.int64(), frame=pa.int64(),
                   object_class=pa.string(), confidence=pa.float64(), x1=pa.float64(), y1=pa.float64(),
                   x2=pa.float64(), y2=pa.float64(), track_id=pa.int64())


def letters(random, count, shortest, longest):
    """So many made-up texts."""
    lengths = random.integers(shortest, longest + 1, count)
    text = random.integers(ord("a"), ord("z") + 1, int(lengths.sum()), dtype=np.uint8).tobytes()
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(text))


class Texts:
    """Texts picked from many made before, so that making rows does not take as long as reading them."""

    def __init__(self, random, shortest, longest, count=1 << 16):
        self.random, self.texts = random, letters(random, count, shortest, longest)

    def pick(self, count):
        return self.texts.take(pa.array(self.random.integers(0, len(self.texts), count)))


def timestamps(at_ms):
    return pa.array(at_ms, pa.int64()).cast(pa.timestamp("ms"))


class Nexmark:
    """People, auctions and bids by their number among all events."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.short, self.extra = Texts(self.random, 5, 15), Texts(self.random, 20, 80)
        self.long = Texts(self.random, 40, 100)
        names = ["Google", "Facebook", "Baidu", "Apple"] + [f"channel-{number}" for number in range(CHANNELS)]
        self.channels = pa.array(names)
        paths = letters(self.random, len(names), 15, 15).to_pylist()
        urls = [f"https://www.nexmark.com/{path[:5]}/{path[5:10]}/{path[10:]}/item.htm?query=1" for path in paths]
        ends = [f"&channel_id={number}" if number >= 4 else "" for number in range(len(names))]
        self.urls = pa.array([url + end for url, end in zip(urls, ends)])

    def one_in(self, ratio, count):
        return self.random.integers(0, ratio, count) == 0

    def person_ids(self, newest):
        """People who were seen lately, and a few who are still to come."""
        active = np.minimum(newest + 1, ACTIVE_PEOPLE)
        return newest + 1 - active + self.random.integers(0, active + ID_LEAD)

    def auction_ids(self, newest):
        oldest = np.maximum(newest - IN_FLIGHT_AUCTIONS, 0)
        return oldest + self.random.integers(0, newest - oldest + 1 + ID_LEAD)

    def prices(self, count):
        return np.round(10 ** (self.random.random(count) * 6) * 100).astype(np.int64)

    def bids(self, epoch, at_ms):
        count = len(epoch)
        newest_auction, newest_person = epoch * 3 + 2, epoch
        auction = np.where(self.one_in(2, count), self.auction_ids(newest_auction), newest_auction // 100 * 100)
        bidder = np.where(self.one_in(4, count), self.person_ids(newest_person), newest_person // 100 * 100 + 1)
        hot, cold = self.random.integers(0, 4, count), self.random.integers(4, 4 + CHANNELS, count)
        channel = pa.array(np.where(self.one_in(2, count), cold, hot))
        return [auction + FIRST_ID, bidder + FIRST_ID, self.prices(count), self.channels.take(channel),
                self.urls.take(channel), timestamps(at_ms), at_ms, self.extra.pick(count)]

    def auctions(self, epoch, number, at_ms):
        count = len(epoch)
        seller = np.where(self.one_in(4, count), self.person_ids(epoch), epoch // 100 * 100)
        initial, category = self.prices(count), 10 + self.random.integers(0, 5, count)
        expires = at_ms + self.random.integers(1, 20_000, count)
        return [number + FIRST_ID, self.short.pick(count), self.long.pick(count), initial,
                initial + self.prices(count), timestamps(at_ms), at_ms, timestamps(expires), seller + FIRST_ID,
                category, self.extra.pick(count)]

    def people(self, epoch, at_ms):
        count = len(epoch)
        return [epoch + FIRST_ID] + [self.short.pick(count) for _ in range(5)] + [
            timestamps(at_ms), at_ms, self.extra.pick(count)]


def columns(schema, values):
    return dict(zip(schema.names, values))


def nexmark(folder, events, seed):
    generator = Nexmark(seed)
    person, auction, bid = (Writer(folder, name, schema)
                            for name, schema in [("person", PERSON), ("auction", AUCTION), ("bid", BID)])
    for first in range(0, events, BLOCK_EVENTS):
        number = np.arange(first, min(first + BLOCK_EVENTS, events), dtype=np.int64)
        epoch, offset = number // 50, number % 50
        at_ms = START_MS + number * 1_000 // EVENTS_A_SECOND
        is_person, is_auction, is_bid = offset == 0, (1 <= offset) & (offset <= 3), offset >= 4
        person.write(columns(PERSON, generator.people(epoch[is_person], at_ms[is_person])))
        auctions = epoch[is_auction] * 3 + offset[is_auction] - 1
        auction.write(columns(AUCTION, generator.auctions(epoch[is_auction], auctions, at_ms[is_auction])))
        bid.write(columns(BID, generator.bids(epoch[is_bid], at_ms[is_bid])))
    for writer in (person, auction, bid):
        writer.close()
    return {"person": person.rows, "auction": auction.rows, "bid": bid.rows}


def detections(folder, rows, seed):
    random = np.random.default_rng(seed)
    writer = Writer(folder, "detection", DETECTION)
    cameras = pa.array([f"camera-{number:03}" for number in range(CAMERAS)])
    classes = pa.array(CLASSES)
    # Some cameras see more than others.
    share = 1 / (5 + np.arange(CAMERAS))
    share /= share.sum()
    for first in range(0, rows, BLOCK_EVENTS):
        number = np.arange(first, min(first + BLOCK_EVENTS, rows), dtype=np.int64)
        count = len(number)
        at_ms = START_MS + number * 1_000 // DETECTIONS_A_SECOND
        camera = random.choice(CAMERAS, count, p=share)
        # Someone stays for half a minute or so; about eight are in a picture.
        track = (camera * 1_000_000 + (at_ms - START_MS) // 30_000 * 8 + random.integers(0, 8, count)).astype(np.int64)
        kind = random.choice(len(CLASSES), count, p=[0.7, 0.15, 0.05, 0.04, 0.03, 0.03])
        left, top = random.random(count) * 600, random.random(count) * 300
        writer.write(columns(DETECTION, [
            cameras.take(pa.array(camera)), timestamps(at_ms), at_ms, (at_ms - START_MS) // 100,
            classes.take(pa.array(kind)), np.round(random.random(count) * 0.6 + 0.4, 3), left, top, left + 40, top + 60,
            track]))
    writer.close()
    return {"detection": writer.rows}


def generate(folder, events, seed=1):
    """The tables in `folder`, made where they are not there; gives their numbers of rows."""
    folder = Path(folder)
    done = folder / "rows.txt"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        rows = nexmark(folder, events, seed) | detections(folder, events, seed)
        done.write_text("".join(f"{name} {count}\n" for name, count in rows.items()))
    lines = (line.split() for line in done.read_text().splitlines())
    return {name: int(count) for name, count in lines}

"""A child process: whether two answers are the same rows. Says how many, or what differs; ends with 1 when they are not.

An answer is a folder of Parquet or of JSON lines: rows, or a changelog as Debezium writes one, of which the last state
counts. Instants are compared as milliseconds, floating point to nine digits.
"""

import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq


def read(folder, names):
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    parquet = [path for path in files if path.suffix == ".parquet"]
    if parquet:
        tables = [pq.ParquetFile(path).read() for path in parquet]
        return pa.concat_tables([table.select(names) for table in tables], promote_options="permissive")
    rows = []
    for path in files:
        rows.extend(json.loads(line) for line in path.read_text().splitlines() if line.strip())
    if rows and "op" in rows[0] and ("before" in rows[0] or "after" in rows[0]):
        rows = last_state(rows)
    return pa.table({name: [row[name] for row in rows] for name in names})


def last_state(changes):
    state = Counter()
    for change in changes:
        for side, weight in (("before", -1), ("after", 1)):
            if change.get(side) is not None:
                state[json.dumps(change[side], sort_keys=True)] += weight
    if any(count < 0 for count in state.values()):
        sys.exit("a row was taken back that never came")
    return [json.loads(row) for row, count in state.items() for _ in range(count)]


def comparable(table):
    columns = {}
    for name, column in zip(table.column_names, table.columns):
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("ms"), safe=False).cast(pa.int64())
        elif pa.types.is_integer(column.type):
            column = column.cast(pa.int64())
        elif pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
            column = column.cast(pa.float64())
        else:
            column = column.cast(pa.string())
        columns[name] = column
    table = pa.table(columns)
    exact = [name for name in table.column_names if not pa.types.is_floating(table[name].type)]
    rest = [name for name in table.column_names if name not in exact]
    return table.sort_by([(name, "ascending") for name in exact + rest])


def difference(found, expected):
    if found.num_rows != expected.num_rows:
        return f"{found.num_rows} rows, not {expected.num_rows}"
    for name in expected.column_names:
        a, b = found[name].combine_chunks(), expected[name].combine_chunks()
        if pa.types.is_floating(a.type):
            close = np.isclose(a.to_numpy(zero_copy_only=False), b.to_numpy(zero_copy_only=False), rtol=1e-9)
            same = pa.array(close)
        else:
            same = pc.fill_null(pc.equal(a, b), False)
        wrong = pc.sum(pc.invert(same)).as_py()
        if wrong:
            row = pc.index(same, False).as_py()
            return f"{wrong} rows differ in {name}, as {found.slice(row, 1).to_pylist()} {expected.slice(row, 1).to_pylist()}"
    return None


def main():
    found, expected, *names = sys.argv[1:]
    found, expected = comparable(read(found, names)), comparable(read(expected, names))
    different = difference(found, expected)
    if different:
        sys.exit(different)
    print(expected.num_rows)


main()

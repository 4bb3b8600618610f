"""Result tables as notebooks see them: Parquet below a folder, opened by DuckDB, Polars, PyArrow and pandas.

And the oracle: what a batch query over the raw frames says the windows hold.
"""

import duckdb

import headwater


def pattern(data_dir, table):
    return str(headwater.table_folder(data_dir, table) / "**/*.parquet")


def has_files(data_dir, table):
    return any(headwater.table_folder(data_dir, table).rglob("*.parquet"))


def strays(data_dir):
    """Files below the tables that are no finished Parquet: each would break somebody's notebook."""
    root = data_dir / "tables"
    return [str(path) for path in root.rglob("*") if path.is_file() and not _plain_parquet(path)]


def _plain_parquet(path):
    return path.suffix == ".parquet" and not path.name.startswith((".", "_"))


def relation(data_dir, table):
    """SQL of the whole table, for DuckDB."""
    return f"read_parquet('{pattern(data_dir, table)}', hive_partitioning = true, union_by_name = true)"


def rows(sql):
    """Rows of a DuckDB query as tuples, with its time zone pinned."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(sql).fetchall()


def contents_by_reader(data_dir, table):
    """The table's rows as each reader gives them: reader → (columns, sorted rows). Values are made comparable only."""
    import pandas
    import polars
    import pyarrow.dataset

    folder = headwater.table_folder(data_dir, table)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        by_duckdb = connection.sql(f"SELECT * FROM {relation(data_dir, table)}").to_arrow_table()
    by_polars = polars.scan_parquet(pattern(data_dir, table), hive_partitioning=True).collect().to_arrow()
    by_pyarrow = pyarrow.dataset.dataset(folder, format="parquet", partitioning="hive").to_table()
    by_pandas = pyarrow.Table.from_pandas(pandas.read_parquet(folder), preserve_index=False)
    readers = {"duckdb": by_duckdb, "polars": by_polars, "pyarrow": by_pyarrow, "pandas": by_pandas}
    return {reader: _comparable(arrow_table) for reader, arrow_table in readers.items()}


def _comparable(arrow_table):
    columns = sorted(arrow_table.column_names)
    lists = [[_comparable_value(value) for value in arrow_table[column].to_pylist()] for column in columns]
    return columns, sorted(zip(*lists), key=repr)


def _comparable_value(value):
    """A float may come back as NaN for null, a time with a zone, a number of another width: the value is the same."""
    if value is None or value != value:
        return None
    if hasattr(value, "isoformat"):
        return value.isoformat().removesuffix("+00:00")
    if isinstance(value, float):
        return float(f"{value:.6g}")
    return str(value)


def windows_of_frames(frames_relation):
    """The oracle: (window start, camera key…, frames, people) of every tumbling window, by a batch query."""
    keys = ", ".join(headwater.CAMERA_KEY)
    window = f"time_bucket(INTERVAL '{headwater.WINDOW_S} seconds', ts::TIMESTAMP, TIMESTAMP '1970-01-01')"
    return set(
        rows(f"""
            SELECT {window} AS window_start, {keys}, count(*)::BIGINT, sum(persons_detected)::BIGINT
            FROM {frames_relation} GROUP BY ALL
        """)
    )


def windows_of_results(data_dir):
    """The windows as the continuous query wrote them, as a list, so that a repeated one shows."""
    keys = ", ".join(headwater.CAMERA_KEY)
    return rows(f"""
        SELECT {headwater.WINDOW_START}::TIMESTAMP, {keys},
               {headwater.FRAMES_COUNT}::BIGINT, {headwater.PEOPLE_TOTAL}::BIGINT
        FROM {relation(data_dir, headwater.PEOPLE_PER_CAMERA)}
    """)


def compare_windows(claim, results, oracle, open_windows_max=3):
    """Every result is what the batch query says, none twice, and none is missing but the last few, still open ones."""
    claim.equal(len(results), len(set(results)), "no window is repeated")
    keys = {row[:-2] for row in results}
    claim.equal(len(keys), len(results), "a camera has one row a window")
    wrong = set(results) - oracle
    claim.that(not wrong, f"all {len(results)} windows hold what a batch query over the frames says", sorted(wrong)[:6])
    starts = sorted({row[0] for row in oracle})
    closed = {row for row in oracle if row[0] in starts[: max(0, len(starts) - open_windows_max)]}
    lost = closed - set(results)
    claim.that(closed, "there are closed windows to compare", f"{len(starts)} windows in all")
    claim.that(not lost, f"no closed window of {len(closed)} is lost", sorted(lost)[:6])

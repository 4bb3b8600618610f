"""What each engine is told: one file of statements or one script a run, and the command that runs it.

A run either forgets its rows, to be timed, or writes them, to be compared.
"""

import json
import sys
from pathlib import Path

from queries import TABLES

HERE = Path(__file__).parent


class Headwater:
    name = "headwater"

    def __init__(self, binary):
        self.binary = binary

    def command(self, query, data, parallelism, scratch, answer):
        sql = [self.source(table, data, parallelism) for table in query.tables]
        sql.append(f"CREATE TABLE answer WITH ({self.sink(query, answer)});")
        sql.append(f"INSERT INTO answer {query.headwater};")
        path = scratch / "headwater.sql"
        path.write_text("\n".join(sql))
        return [self.binary, "run", str(path), "--parallelism", str(parallelism)]

    def source(self, table, data, parallelism):
        time, columns = TABLES[table]
        columns = ", ".join(f"{column} NOT NULL" for column in columns)
        return (f"CREATE TABLE {table} ({columns}, WATERMARK FOR {time}) WITH (connector = 'filesystem', "
                f"type = 'source', format = 'parquet', path = '{data / table / str(parallelism)}');")

    def sink(self, query, answer):
        if answer is None:
            return "connector = 'blackhole'"
        if query.updating:
            return f"connector = 'single_file', format = 'debezium_json', path = '{answer / 'answer.json'}'"
        return f"connector = 'filesystem', format = 'parquet', path = '{answer}'"


class Batch:
    name = "batch"

    def command(self, query, data, parallelism, scratch, answer):
        tables = {table: str(data / table / str(parallelism)) for table in query.tables}
        job = {"tables": tables, "sql": query.batch, "parallelism": parallelism, "answer": answer and str(answer)}
        path = scratch / "batch.json"
        path.write_text(json.dumps(job))
        return [sys.executable, str(HERE / "batch.py"), str(path)]


class Clink:
    name = "clink"
    LAG_MS = 1000

    def command(self, query, data, parallelism, scratch, answer):
        if query.clink is None:
            return None
        sql = [self.source(table, data, parallelism) for table in query.tables]
        columns = ", ".join(self.column(column) for column in query.columns)
        sql.append(f"CREATE TABLE answer ({columns}) WITH ({self.sink(query, answer)});")
        sql.append(f"INSERT INTO answer {query.clink}")
        path = scratch / "clink.json"
        path.write_text(json.dumps({"sql": "\n".join(sql), "parallelism": parallelism}))
        return [sys.executable, str(HERE / "clink.py"), str(path)]

    def source(self, table, data, parallelism):
        # Its event time is a number, and it reads no timestamps.
        _, columns = TABLES[table]
        columns = ", ".join(self.column(column) for column in columns if "TIMESTAMP" not in column)
        return (f"CREATE TABLE {table} ({columns}) WITH (connector = 'parquet', "
                f"prefix = '{data / table / str(parallelism)}', event_time_column = 'at_ms', "
                f"watermark_lag_ms = '{self.LAG_MS}');")

    def sink(self, query, answer):
        if answer is None:
            return "connector = 'blackhole'"
        if query.updating or query.clink_updating:
            key = ",".join(query.key)
            return f"connector='file', format='json', mode='upsert', primary_key='{key}', path='{answer / 'answer.json'}'"
        return f"connector = 'parquet', path = '{answer}'"

    @staticmethod
    def column(column):
        return column.replace(" TEXT", " VARCHAR")

"""A child process: one query over Parquet in batch DataFusion, its rows forgotten or written."""

import json
import sys
from pathlib import Path

from datafusion import SessionConfig, SessionContext


def main():
    job = json.loads(Path(sys.argv[1]).read_text())
    context = SessionContext(SessionConfig().with_target_partitions(job["parallelism"]))
    for name, folder in job["tables"].items():
        context.register_parquet(name, folder)
    frame = context.sql(job["sql"])
    if job["answer"]:
        frame.write_parquet(job["answer"])
        return
    rows = 0
    for batch in frame.execute_stream():
        rows += batch.to_pyarrow().num_rows
    print(rows)


main()

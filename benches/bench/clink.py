"""A child process: one job in clink, to its end."""

import json
import sys
from pathlib import Path

import pyclink


def main():
    job = json.loads(Path(sys.argv[1]).read_text())
    with pyclink.Engine(parallelism=job["parallelism"]) as engine:
        engine.execute(job["sql"])
        engine.await_all()


main()

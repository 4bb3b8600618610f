"""Checks answers, then times: every engine runs every query, interleaved, and the medians become a table.

This process only starts others and waits for them: it imports nothing large, as Linux counts a parent's memory to the
peak of a child.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import report
from engines import Batch, Clink, Headwater
from queries import QUERIES

HERE = Path(__file__).parent
TIMEOUT_S = 900


def run(command):
    """Seconds, seconds of CPU and peak bytes of a child process, or why it failed."""
    with tempfile.TemporaryFile() as output:
        began = time.monotonic()
        child = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        status, usage = wait(child, began)
        seconds = time.monotonic() - began
        output.seek(0)
        text = output.read().decode(errors="replace")
    if status != 0:
        return {"failed": reason(text) or f"it ended with {status}"}
    return {"seconds": seconds, "cpu": usage.ru_utime + usage.ru_stime, "bytes": usage.ru_maxrss * 1024}


def wait(child, began):
    while True:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            child.returncode = os.waitstatus_to_exitcode(status)
            return child.returncode, usage
        if time.monotonic() - began > TIMEOUT_S:
            child.kill()
        time.sleep(0.002)


def reason(text):
    """The line of a log that says what went wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if "rror" in line and "[info]" not in line]
    return (telling or lines or [""])[-1][:200]


def answers(engine, query, data, parallelism, scratch):
    """Where the engine wrote its answer, or why it did not."""
    folder = scratch / f"{engine.name}-{parallelism}"
    folder.mkdir()
    command = engine.command(query, data, parallelism, scratch, folder)
    return (folder, run(command)) if command else (folder, {"failed": query.without})


def check(query, engines, data, parallelism):
    """Which engines give what batch DataFusion gives; the others with their reason."""
    with tempfile.TemporaryDirectory(dir=data.parent) as scratch:
        scratch = Path(scratch)
        verdicts = {}
        expected, ended = answers(Batch(), query, data, parallelism, scratch)
        if "failed" in ended:
            sys.exit(f"{query.name}: batch DataFusion failed: {ended['failed']}")
        names = [column.split()[0] for column in query.columns]
        for engine in engines:
            if engine.name == "batch":
                verdicts["batch"] = None
                continue
            found, ended = answers(engine, query, data, parallelism, scratch)
            verdicts[engine.name] = ended.get("failed")
            if verdicts[engine.name] is None:
                command = [sys.executable, str(HERE / "compare.py"), str(found), str(expected), *names]
                compared = subprocess.run(command, capture_output=True, text=True)
                if compared.returncode:
                    verdicts[engine.name] = "another answer: " + reason(compared.stderr)
        return verdicts


def measure(query, engines, data, parallelism, repeat):
    """The runs of each engine, taken in turns."""
    runs = {engine.name: [] for engine in engines}
    with tempfile.TemporaryDirectory() as scratch:
        for _ in range(repeat):
            for engine in engines:
                runs[engine.name].append(run(engine.command(query, data, parallelism, Path(scratch), None)))
    return runs


def median(runs):
    failed = [run["failed"] for run in runs if "failed" in run]
    if failed:
        return {"failed": failed[0]}
    return {key: statistics.median(run[key] for run in runs) for key in ("seconds", "cpu", "bytes")}


def startup(engines, tiny, parallelism, repeat):
    """What starting each engine and ending it takes: a query over a thousand rows."""
    runs = measure(QUERIES[0], engines, tiny, parallelism, repeat)
    return {name: median(taken) for name, taken in runs.items()}


def rows_of(data):
    lines = (line.split() for line in (data / "rows.txt").read_text().splitlines())
    return {name: int(count) for name, count in lines}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--headwater", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tiny", type=Path, required=True)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--parallelism", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--queries", nargs="*")
    parser.add_argument("--engines", nargs="*", default=["headwater", "batch", "clink"])
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    known = {engine.name: engine for engine in (Headwater(options.headwater), Batch(), Clink())}
    engines = [known[name] for name in options.engines]
    counts = rows_of(options.data)
    results = []
    for parallelism in options.parallelism:
        starts = startup(engines, options.tiny, parallelism, options.repeat)
        results.append({"parallelism": parallelism, "startup": starts, "queries": []})
        for query in QUERIES:
            if options.queries and query.name not in options.queries:
                continue
            verdicts = check(query, engines, options.data, parallelism)
            right = [engine for engine in engines if verdicts[engine.name] is None]
            runs = measure(query, right, options.data, parallelism, options.repeat)
            taken = {name: median(of) for name, of in runs.items()}
            taken |= {name: {"failed": why} for name, why in verdicts.items() if why is not None}
            events = sum(counts[table] for table in query.tables)
            results[-1]["queries"].append({"name": query.name, "what": query.what, "events": events, "engines": taken})
            print(report.line(query.name, events, taken, starts), file=sys.stderr, flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "results.json").write_text(json.dumps(results, indent=1))
    table = report.markdown(results, options.repeat, options.headwater)
    (options.out / "results.md").write_text(table)
    print(table)


if __name__ == "__main__":
    if shutil.which("true") is None:
        sys.exit("this needs Linux")
    main()

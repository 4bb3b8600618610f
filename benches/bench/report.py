"""Medians as a Markdown table, with the machine and the versions that they are of."""

import platform
import subprocess
import sys
from importlib.metadata import version

ENGINES = {"headwater": "headwater", "batch": "batch", "clink": "clink"}


# What is left of a run without its start must be so much of the start for a figure to be said: starts vary, and some
# engines look only now and then whether they are done.
TELLING, CPU_TELLING = 0.2, 0.1


def cost(taken, start, events):
    """Seconds of CPU a million events, millions of events a second, and peak megabytes; starting is taken off. Nothing
    where the start hides it."""
    if taken is None or "failed" in taken:
        return None
    millions = events / 1e6
    seconds = taken["seconds"] - start["seconds"]
    speed = millions / seconds if seconds > TELLING * start["seconds"] else None
    cpu = taken["cpu"] - start["cpu"]
    cpu = cpu / millions if cpu > CPU_TELLING * start["cpu"] else None
    return cpu, speed, taken["bytes"] / 1e6


def line(name, events, taken, starts):
    parts = [name]
    for engine, of in taken.items():
        found = cost(of, starts[engine], events)
        cells = [shown(found, part) for part in range(3)]
        parts.append(f"{engine} {cells[0]} s {cells[1]} M/s {cells[2]} MB" if found else f"{engine}: {of['failed']}")
    return "; ".join(parts)


def markdown(results, repeat, headwater):
    lines = [f"Medians of {repeat} runs in turns. {machine()} {versions(headwater)}", ""]
    for result in results:
        lines += table(result) + [""]
    return "\n".join(lines)


def table(result):
    parallelism, starts = result["parallelism"], result["startup"]
    engines = [engine for engine in ENGINES if engine in starts]
    lines = [f"### Parallelism {parallelism}", ""]
    titles = [f"{unit}: {ENGINES[engine]}" for unit in ("CPU s/M events", "M events/s", "peak MB") for engine in engines]
    others = [engine for engine in engines if engine != "headwater"] if "headwater" in engines else []
    titles += [f"CPU of {ENGINES[engine]} to ours" for engine in others]
    lines += ["| query | " + " | ".join(titles) + " |", "|---|" + "---:|" * len(titles)]
    notes = []
    for query in result["queries"]:
        costs = {}
        for engine in engines:
            taken = query["engines"].get(engine)
            costs[engine] = cost(taken, starts[engine], query["events"])
            if costs[engine] is None:
                notes.append(f"- {query['name']}, {ENGINES[engine]}: {taken['failed']}")
        cells = [shown(costs[engine], part) for part in range(3) for engine in engines]
        cells += [ratio(costs[other], costs["headwater"]) for other in others]
        lines.append(f"| {query['name']}: {query['what']} | " + " | ".join(cells) + " |")
    begun = [f"{ENGINES[engine]} {start(starts[engine])}" for engine in engines]
    lines += ["", f"Starting and ending, which is taken off: {', '.join(begun)}. Where what is left is less than a fifth of that (of CPU a tenth), nothing is said."]
    return lines + ([""] + notes if notes else [])


def shown(found, part):
    if found is None or found[part] is None:
        return "–"
    return f"{found[part]:.{(3, 1, 0)[part]}f}"


def ratio(theirs, ours):
    """How many times as much CPU the first takes as the second."""
    if theirs is None or ours is None or not theirs[0] or not ours[0]:
        return "–"
    return f"{theirs[0] / ours[0]:.1f}×"


def start(taken):
    return taken["failed"] if "failed" in taken else f"{taken['seconds']:.2f} s, {taken['cpu']:.2f} s of CPU"


def machine():
    model = "unknown processor"
    with open("/proc/cpuinfo") as info:
        names = [entry.split(":")[1].strip() for entry in info if entry.startswith("model name")]
    if names:
        model = f"{len(names)} × {names[0]}"
    with open("/proc/meminfo") as info:
        gigabytes = int(info.readline().split()[1]) / 1e6
    return f"{model}, {gigabytes:.0f} GB, Linux {platform.release()}."


def versions(headwater):
    ours = subprocess.run([headwater, "--version"], capture_output=True, text=True).stdout.strip()
    packages = ", ".join(f"{name} {version(name)}" for name in ("datafusion", "pyclink", "pyarrow"))
    return f"{ours}; {packages}; Python {sys.version.split()[0]}."

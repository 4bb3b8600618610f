"""Medians as a Markdown table, with the machine and the versions that they are of."""

import platform
import subprocess
import sys
from importlib.metadata import version

ENGINES = {"headwater": "headwater", "batch": "DataFusion, batch", "clink": "clink"}


def cost(taken, start, events):
    """Millions of events a second, seconds of CPU a million events, and peak megabytes; starting is taken off."""
    if taken is None or "failed" in taken:
        return None
    millions = events / 1e6
    seconds = max(taken["seconds"] - start["seconds"], 1e-3)
    cpu = max(taken["cpu"] - start["cpu"], 0)
    return millions / seconds, cpu / millions, taken["bytes"] / 1e6


def line(name, events, taken, starts):
    parts = [name]
    for engine, of in taken.items():
        found = cost(of, starts[engine], events)
        parts.append(f"{engine} {found[0]:.2f} M/s {found[1]:.3f} s {found[2]:.0f} MB" if found else f"{engine}: {of['failed']}")
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
    titles = [f"{ENGINES[engine]}: {unit}" for unit in ("M events/s", "CPU s/M", "peak MB") for engine in engines]
    others = [engine for engine in engines if engine != "headwater"] if "headwater" in engines else []
    titles += [f"speed to {ENGINES[engine]}" for engine in others]
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
        cells += [ratio(costs["headwater"], costs[other]) for other in others]
        lines.append(f"| {query['name']}: {query['what']} | " + " | ".join(cells) + " |")
    begun = [f"{ENGINES[engine]} {start(starts[engine])}" for engine in engines]
    lines += ["", f"Starting and ending, which is taken off: {', '.join(begun)}."]
    return lines + ([""] + notes if notes else [])


def shown(found, part):
    return "–" if found is None else (f"{found[0]:.2f}", f"{found[1]:.3f}", f"{found[2]:.0f}")[part]


def ratio(ours, theirs):
    return "–" if ours is None or theirs is None else f"{ours[0] / theirs[0]:.2f}×"


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

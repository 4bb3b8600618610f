"""headwater-edge as it is built for aarch64: it runs, here in an emulator, it needs no library that a small board lacks,
and its NEON kernels find in a real clip what the binary of this machine finds.
"""

import json
import os
import subprocess

import checks
import headwater
from check_deploy import LIBRARIES

# Where Debian's cross compiler keeps the target's libraries.
SYSROOT = "/usr/aarch64-linux-gnu"
# Sums are added up in another order: a box may move by so many pixels, a confidence by so much.
PIXELS, CONFIDENCE = 0.5, 0.005


def check(claim, folder):
    binary = os.environ.get("HEADWATER_EDGE_AARCH64") or built()
    is_small_enough(claim, folder, binary)
    emulated = ["qemu-aarch64-static", "-L", SYSROOT, binary]
    version = run(*emulated, "--version")
    claim.equal(version, run(headwater.binary("headwater-edge"), "--version"), f"it runs: {version.strip()}")
    run(*emulated, "check", "--config", checks.REPOSITORY / "edge/agent/edge.toml")
    for size in (416, 320, 256):
        arguments = ["detect", headwater.CLIP, "--format", "json", "--every", "100", "--size", size]
        here, there = (frames(run(*program, *arguments)) for program in ([headwater.binary("headwater-edge")], emulated))
        found = sum(len(detections) for detections in here.values())
        claim.that(found > 10, f"at {size} there is something to find: {found} objects in {len(here)} frames")
        claim.equal(differences(here, there), [], f"at {size} NEON finds the same objects as the kernels of this machine")


def built():
    installer = checks.REPOSITORY / ".ci/tools/edge-aarch64"
    return subprocess.run([installer], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def is_small_enough(claim, folder, binary):
    read = subprocess.run(["readelf", "--file-header", "--dynamic", binary], capture_output=True, text=True, check=True).stdout
    claim.that("AArch64" in read, "it is for AArch64")
    needed = {line.split("[")[1].rstrip("]") for line in read.splitlines() if "(NEEDED)" in line}
    claim.that(needed <= LIBRARIES | {"ld-linux-aarch64.so.1"}, f"it needs what every Debian has: {', '.join(sorted(needed))}", needed)
    stripped = folder / "headwater-edge"
    subprocess.run(["aarch64-linux-gnu-strip", "-o", stripped, binary], check=True)
    size_mb = os.path.getsize(stripped) / 1e6
    claim.that(size_mb < 60, f"it has {size_mb:.0f} MB without symbols, weights included", size_mb)


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300, env=headwater.environment(None))
    if done.returncode != 0:
        raise checks.Failed(f"{command[:4]}: {done.returncode} {done.stdout[-1000:]}{done.stderr[-3000:]}")
    return done.stdout


def frames(text):
    return {found["frame"]: found["detections"] for found in map(json.loads, text.splitlines())}


def differences(here, there):
    """Objects that the other one does not have at the same place, in either direction. Those at the threshold may be on
    one side alone."""
    missing = [(number, found) for number in here for found in here[number] if not has(there.get(number, []), found)]
    invented = [(number, found) for number in there for found in there[number] if not has(here.get(number, []), found)]
    return [(number, found) for number, found in missing + invented if abs(found["confidence"] - 0.40) > CONFIDENCE]


def has(others, found):
    def is_same(other):
        near = all(abs(other[side] - found[side]) <= PIXELS for side in ("x1", "y1", "x2", "y2"))
        return near and other["class"] == found["class"] and abs(other["confidence"] - found["confidence"]) <= CONFIDENCE

    return any(is_same(other) for other in others)


if __name__ == "__main__":
    checks.run("aarch64", check)

"""The few words every end-to-end check is written in: claim something, wait for something, end with a verdict.

Not a test framework: a check is a script that runs from the top and exits 0 when every claim held.
"""

import ctypes
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time
import traceback

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


class Failed(Exception):
    """A claim without which going on makes no sense."""


class Checks:
    """Collects claims; `that` goes on after a broken one, `must` does not."""

    def __init__(self, name):
        self.name = name
        self.held = 0
        self.broken = []

    def that(self, claim, what, found=None):
        if claim:
            self.held += 1
            print(f"    ok    {what}", flush=True)
        else:
            self.broken.append(what)
            detail = "" if found is None else f" (found: {_shortened(found)})"
            print(f"    FAIL  {what}{detail}", flush=True)
        return bool(claim)

    def equal(self, found, expected, what):
        return self.that(found == expected, what, f"{_shortened(found)}, expected {_shortened(expected)}")

    def must(self, claim, what, found=None):
        if not self.that(claim, what, found):
            raise Failed(what)


def _shortened(value):
    text = str(value)
    return text if len(text) <= 800 else text[:800] + " …"


def run(name, check):
    """Runs `check(checks, folder)` with an empty folder of its own and exits with the verdict.

    The folder is kept below `$HEADWATER_ARTIFACTS` when that is set, and after a failure; else it is removed.
    """
    checks = Checks(name)
    # A check that is told to end leaves its `with` blocks, and so its programs, in order.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    started = time.monotonic()
    kept = os.environ.get("HEADWATER_ARTIFACTS")
    if kept:
        folder = pathlib.Path(kept).resolve() / name
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
    else:
        folder = pathlib.Path(tempfile.mkdtemp(prefix=f"headwater-{name}-"))
    try:
        check(checks, folder)
    except Failed as failed:
        # What was waited for in vain has been counted by nobody yet.
        if not checks.broken:
            print(f"    FAIL  {failed}", flush=True)
            checks.broken.append(str(failed))
    except Exception:
        traceback.print_exc()
        checks.broken.append("the check itself ended with an exception")
    if checks.held == 0 and not checks.broken:
        checks.broken.append("nothing was checked")
    verdict = "FAIL" if checks.broken else "PASS"
    elapsed_s = time.monotonic() - started
    print(f"{verdict} {name}: {checks.held} held, {len(checks.broken)} broken, {elapsed_s:.0f} s", flush=True)
    if checks.broken:
        print(f"    what was left behind: {folder}", flush=True)
    elif not kept:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if checks.broken else 0)


def wait_until(probe, what, deadline_s, alive=None, every_s=0.2):
    """Calls `probe` until it gives something true, and returns that.

    `alive`, where given, raises when the program that is waited for has ended. A probe that raises has not happened yet.
    """
    give_up = time.monotonic() + deadline_s
    last = None
    while time.monotonic() < give_up:
        if alive:
            alive()
        try:
            last = probe()
            if last:
                return last
        except Failed:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it may be gone the next time
            last = error
        time.sleep(every_s)
    raise Failed(f"{what}: not within {deadline_s} s (last: {_shortened(last)})")


_libc = ctypes.CDLL(None)


def die_with_parent():
    """For `preexec_fn`: a program that a check started does not outlive it, however it ends."""
    pr_set_pdeathsig = 1
    _libc.prctl(pr_set_pdeathsig, signal.SIGKILL)

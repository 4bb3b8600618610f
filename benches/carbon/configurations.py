"""What each way to look at a camera costs and finds, measured on footage/vtest-a.mp4: edge/carbon/data/configurations.csv.

    configurations.py --clip footage/vtest-a.mp4 --detections 416=a.jsonl 320=b.jsonl 256=c.jsonl

The detections are those of `headwater-edge detect CLIP --size N --format json`, every frame.

Accuracy is the F1 of persons over all frames, with the detections of the largest size in the same frame as the yardstick
and a match at IoU 0.5. A frame that is not looked at has the boxes of the last one that was, as they stood: that is what
a slower rate costs. `count_accuracy` is one less the error of the number of persons over the number of persons.

The motion gate lets a frame through when a share of a small grey picture has changed since the last frame that was looked
at, or when two seconds have passed. Somebody walks in every frame of this clip, so it saves little here: the figure is the
gate's worst case, not its use.

Cost is counted, not timed: inferences a second. What an inference takes stands beside it and is of one core of the server
on which the table was made: the controller only needs how the sizes compare.
"""

import argparse
import json
import sys
from pathlib import Path

import cv2
import numpy

FPS = 10
RATES = [10, 7.5, 5, 4, 3.3, 2.5, 2, 1]
INFERENCE_MS = {416: 18.8, 320: 10.6, 256: 7.5}
GATE_MS = 1.0
# Of a 96x72 grey picture: how much a pixel must change, and how many of them.
GATE_LEVEL, GATE_SHARE, GATE_LONGEST = 24, 0.004, 2 * FPS


def small_pictures(clip: str) -> list[numpy.ndarray]:
    capture, pictures = cv2.VideoCapture(clip), []
    while True:
        ok, frame = capture.read()
        if not ok:
            return pictures
        grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        pictures.append(cv2.resize(grey, (96, 72), interpolation=cv2.INTER_AREA).astype(numpy.int16))


def persons(path: str) -> list[numpy.ndarray]:
    """The boxes of persons by frame."""
    frames = [json.loads(line) for line in Path(path).read_text().splitlines()]
    sides = ("x1", "y1", "x2", "y2")
    found = [[[box[side] for side in sides] for box in frame["detections"] if box["class"] == "person"] for frame in frames]
    return [numpy.array(boxes, dtype=float).reshape(-1, 4) for boxes in found]


def matches(ours: numpy.ndarray, theirs: numpy.ndarray) -> int:
    """How many boxes pair up at IoU 0.5, the best pairs first."""
    if not len(ours) or not len(theirs):
        return 0
    low = numpy.maximum(ours[:, None, :2], theirs[None, :, :2])
    high = numpy.minimum(ours[:, None, 2:], theirs[None, :, 2:])
    shared = numpy.clip(high - low, 0, None).prod(axis=2)
    area = lambda boxes: (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    iou = shared / (area(ours)[:, None] + area(theirs)[None, :] - shared)
    count = 0
    while iou.max(initial=0) >= 0.5:
        row, column = numpy.unravel_index(iou.argmax(), iou.shape)
        iou[row, :], iou[:, column] = 0, 0
        count += 1
    return count


def looked_at(pictures: list[numpy.ndarray], rate: float, gate: bool) -> list[bool]:
    """Which frames are looked at."""
    looks, credit, last = [], FPS, None
    for number, picture in enumerate(pictures):
        credit += rate
        due = credit >= FPS
        if due and gate and last is not None and number - last < GATE_LONGEST:
            changed = (numpy.abs(picture - pictures[last]) > GATE_LEVEL).mean()
            due = changed > GATE_SHARE
        if due:
            credit, last = credit % FPS if credit < 2 * FPS else 0, number
        looks.append(due)
    return looks


def measure(detections: list[numpy.ndarray], yardstick: list[numpy.ndarray], looks: list[bool]) -> tuple[float, float, float]:
    """F1, accuracy of the count, inferences a second."""
    held, right, ours, theirs, wrong = numpy.empty((0, 4)), 0, 0, 0, 0
    for look, found, truth in zip(looks, detections, yardstick):
        held = found if look else held
        right += matches(held, truth)
        ours += len(held)
        theirs += len(truth)
        wrong += abs(len(held) - len(truth))
    return 2 * right / (ours + theirs), 1 - wrong / theirs, sum(looks) / len(looks) * FPS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clip", required=True)
    parser.add_argument("--detections", nargs="+", required=True, metavar="SIZE=FILE")
    arguments = parser.parse_args()
    by_tier = {int(size): persons(path) for size, path in (pair.split("=", 1) for pair in arguments.detections)}
    pictures = small_pictures(arguments.clip)
    yardstick = by_tier[max(by_tier)]
    out = sys.stdout
    out.write("# Made by benches/carbon/configurations.py on footage/vtest-a.mp4; it says what the columns are.\n")
    out.write("model,tier,fps,gate,accuracy,count_accuracy,inferences_per_s,inference_ms,gate_ms_per_s\n")
    for gate in (False, True):
        for rate in RATES:
            for tier in sorted(by_tier, reverse=True):
                accuracy, counts, per_s = measure(by_tier[tier], yardstick, looked_at(pictures, rate, gate))
                gate_ms = GATE_MS * FPS if gate else 0
                out.write(
                    f"nanodet-g,{tier},{rate:g},{str(gate).lower()},{accuracy:.4f},{counts:.4f},{per_s:.3f},"
                    f"{INFERENCE_MS[tier]},{gate_ms:g}\n"
                )


if __name__ == "__main__":
    main()

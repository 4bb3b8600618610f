"""Measures the detector and ONNX Runtime in turns, after their answers have been found equal."""

import argparse
import pathlib
import statistics
import subprocess
import time

import numpy
import onnxruntime
from export import export
from safetensors.numpy import load_file

STRIDES = (8, 16, 32)
CLASSES, CHANNELS = 80, 124
# Between two ways to add up the same numbers; logits are of the order of ten.
TOLERANCE = 2e-3
# ONNX Runtime's threads look for work for a while after a run; they must not do so in the other's turn.
PAUSE_SECONDS = 0.1


class Ours:
    """The detector, in a process that takes orders."""

    def __init__(self, binary, work):
        self.work = work
        self.process = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.frames = int(self.answer().split()[0])

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("the detector's process ended; its last words are above")
        return line.strip()

    def order(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        return self.answer()

    def picture(self, size, frame):
        file = self.work / "picture"
        self.order("picture", size, frame, file)
        return numpy.fromfile(file, numpy.float32).reshape(1, 3, size, size)

    def forward(self, picture):
        given, answered = self.work / "picture", self.work / "grids"
        picture.astype(numpy.float32).tofile(given)
        size = picture.shape[-1]
        self.order("forward", size, given, answered)
        cells = numpy.cumsum([(size // stride) ** 2 for stride in STRIDES])
        return numpy.split(numpy.fromfile(answered, numpy.float32).reshape(-1, CHANNELS), cells[:-1])

    def time(self, size, threads, first, count):
        """Milliseconds of whole frames, and of the network in each."""
        answer = [float(word) for word in self.order("time", size, threads, first, count).split()]
        return answer[0::2], answer[1::2]

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


class Onnx:
    """ONNX Runtime at one size, with as many threads."""

    def __init__(self, model, threads):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def forward(self, picture):
        grids = self.session.run(None, {"picture": picture})
        return [grid.reshape(CHANNELS, -1).T for grid in grids]

    def time(self, pictures):
        """Milliseconds of the network for each picture."""
        times = []
        for picture in pictures:
            start = time.perf_counter()
            self.session.run(None, {"picture": picture})
            times.append((time.perf_counter() - start) * 1e3)
        return times


def difference(a, b):
    return max(float(numpy.abs(x - y).max()) for x, y in zip(a, b, strict=True))


def check_reference(reference_file, ours, runtime):
    """Both against what the original network answered to one picture."""
    reference = load_file(reference_file)
    for name, grids in (("headwater", ours.forward(reference["input"])), ("onnxruntime", runtime.forward(reference["input"]))):
        for grid, stride in zip(grids, STRIDES, strict=True):
            scores = 1 / (1 + numpy.exp(-grid[:, :CLASSES]))
            found = difference(
                (scores, grid[:, CLASSES:]), (reference[f"class_scores.{stride}"], reference[f"box_distribution.{stride}"])
            )
            if not found < TOLERANCE:
                raise SystemExit(f"{name} is {found} from the reference at stride {stride}: nothing is timed")
            print(f"{name:<12} stride {stride:>2}: at most {found:.1e} from the reference")


def measure(options, ours, models):
    """Rows of (size, threads, medians of our frame, our network and ONNX Runtime's network)."""
    for size in options.sizes:
        pictures = [ours.picture(size, frame) for frame in range(options.frames)]
        for threads in options.threads:
            runtime = Onnx(models[size], threads)
            apart = max(difference(ours.forward(picture), runtime.forward(picture)) for picture in pictures[:3])
            if not apart < TOLERANCE:
                raise SystemExit(f"the answers at {size} are {apart} apart: nothing is timed")
            runtime.time(pictures)
            ours.time(size, threads, 0, options.frames)
            frame_ms, network_ms, runtime_ms = [], [], []
            for _ in range(options.turns):
                time.sleep(PAUSE_SECONDS)
                runtime_ms += runtime.time(pictures)
                time.sleep(PAUSE_SECONDS)
                whole, network = ours.time(size, threads, 0, options.frames)
                frame_ms += whole
                network_ms += network
            yield size, threads, *(statistics.median(times) for times in (frame_ms, network_ms, runtime_ms))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ours", required=True)
    parser.add_argument("--models", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=[416, 320, 256])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--turns", type=int, default=12)
    parser.add_argument("--frames", type=int, default=10, help="frames of the clip, a second apart, in each turn")
    options = parser.parse_args()

    models = {size: export(options.models / "nanodet_g.safetensors", size) for size in {416, *options.sizes}}
    ours = Ours(options.ours, options.work)
    options.frames = min(options.frames, ours.frames)
    check_reference(options.models / "reference-416.safetensors", ours, Onnx(models[416], 1))
    print(f"\nonnxruntime {onnxruntime.__version__}, medians of {options.turns * options.frames} frames, milliseconds\n")
    print("| input | threads | onnxruntime, network | headwater, network | times as fast | headwater, bytes to boxes |")
    print("|---|---|---|---|---|---|")
    for size, threads, frame, network, runtime in measure(options, ours, models):
        print(f"| {size} | {threads} | {runtime:.1f} | {network:.1f} | {runtime / network:.2f} | {frame:.1f} |", flush=True)
    ours.stop()


if __name__ == "__main__":
    main()

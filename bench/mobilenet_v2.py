"""MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381) as an ONNX model of drawn weights, batch norms folded into the
convolutions as engines get it in practice."""
import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

# how often channels are widened, channels, blocks, the first one's stride
STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
SIDE, STEM, LAST, CLASSES = 224, 32, 1280, 1000


class Builder:
    def __init__(self, seed: int):
        self.draws, self.nodes, self.tensors = np.random.default_rng(seed), [], []
        self.constant("low", np.float32(0))
        self.constant("high", np.float32(6))

    def constant(self, name: str, value: np.ndarray) -> str:
        self.tensors.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def add(self, kind: str, inputs: list[str], **attributes) -> str:
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def weights(self, name: str, *shape: int) -> str:
        bound = np.sqrt(6 / np.prod(shape[1:])) if len(shape) > 1 else 0.1
        return self.constant(name, self.draws.uniform(-bound, bound, shape).astype(np.float32))

    def conv(self, x: str, channels: tuple[int, int], kernel: int, stride: int = 1, groups: int = 1) -> str:
        at, pad = len(self.nodes), kernel // 2
        weight = self.weights(f"w{at}", channels[1], channels[0] // groups, kernel, kernel)
        return self.add("Conv", [x, weight, self.weights(f"b{at}", channels[1])], kernel_shape=[kernel] * 2,
                        strides=[stride] * 2, pads=[pad] * 4, group=groups)

    def relu6(self, x: str) -> str:
        return self.add("Clip", [x, "low", "high"])

    def block(self, x: str, channels: tuple[int, int], factor: int, stride: int) -> str:
        wide, y = channels[0] * factor, x
        if factor > 1:
            y = self.relu6(self.conv(y, (channels[0], wide), 1))
        y = self.relu6(self.conv(y, (wide, wide), 3, stride, wide))
        y = self.conv(y, (wide, channels[1]), 1)
        return self.add("Add", [x, y]) if stride == 1 and channels[0] == channels[1] else y


def mobilenet_v2(seed: int = 1) -> ModelProto:
    b = Builder(seed)
    x, channels = b.relu6(b.conv("image", (3, STEM), 3, 2)), STEM
    for factor, out, blocks, stride in STAGES:
        for i in range(blocks):
            x, channels = b.block(x, (channels, out), factor, stride if i == 0 else 1), out
    x = b.relu6(b.conv(x, (channels, LAST), 1))
    x = b.add("Flatten", [b.add("GlobalAveragePool", [x])])
    x = b.add("Gemm", [x, b.weights("w", CLASSES, LAST), b.weights("b", CLASSES)], transB=1)
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIDE, SIDE])
    result = helper.make_tensor_value_info(x, TensorProto.FLOAT, [1, CLASSES])
    graph = helper.make_graph(b.nodes, "mobilenet_v2", [image], [result], b.tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

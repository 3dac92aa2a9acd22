"""Convolutional networks as TFLite files, written with the package `flatbuffers` alone, which comes with LiteRT.

The numbers below are slots and codes of TFLite's schema (tensorflow/lite/schema/schema.fbs)."""
from dataclasses import dataclass, field

import flatbuffers
import numpy as np

ADD, CONV_2D, DEPTHWISE_CONV_2D = 0, 3, 4  # BuiltinOperator
CONV_OPTIONS, DEPTHWISE_OPTIONS, ADD_OPTIONS = 1, 2, 11  # BuiltinOptions
SAME, RELU6 = 0, 3  # Padding, ActivationFunctionType


@dataclass
class Network:
    """Values are numbers of tensors; images are [1, H, W, C], weights as TFLite wants them: [out, ky, kx, in]."""

    tensors: list[tuple[tuple[int, ...], np.ndarray | None]] = field(default_factory=list)
    operators: list[tuple[int, list[int], int, dict]] = field(default_factory=list)

    def tensor(self, shape: tuple[int, ...], data: np.ndarray | None = None) -> int:
        self.tensors.append((shape, data))
        return len(self.tensors) - 1

    def constant(self, data: np.ndarray) -> int:
        return self.tensor(data.shape, np.ascontiguousarray(data))

    def conv(self, x: int, weight: np.ndarray, bias: np.ndarray, stride: int, relu6: bool, depthwise: bool) -> int:
        _, height, width, _ = self.tensors[x][0]
        out = self.tensor((1, -(-height // stride), -(-width // stride), len(bias)))
        operands = [x, self.constant(weight), self.constant(bias)]
        options = {"stride": stride, "relu6": relu6}
        self.operators.append((DEPTHWISE_CONV_2D if depthwise else CONV_2D, operands, out, options))
        return out

    def add(self, a: int, b: int) -> int:
        out = self.tensor(self.tensors[a][0])
        self.operators.append((ADD, [a, b], out, {}))
        return out


def options_table(b: flatbuffers.Builder, code: int, options: dict) -> tuple[int, int]:
    """Which table of options, and where it is."""
    if code == ADD:
        b.StartObject(2)
        return ADD_OPTIONS, b.EndObject()
    activation = RELU6 if options["relu6"] else 0
    depthwise = code == DEPTHWISE_CONV_2D
    b.StartObject(7 if depthwise else 6)
    b.PrependInt8Slot(0, SAME, 0)
    b.PrependInt32Slot(1, options["stride"], 0)
    b.PrependInt32Slot(2, options["stride"], 0)
    if depthwise:
        b.PrependInt32Slot(3, 1, 0)
    b.PrependInt8Slot(4 if depthwise else 3, activation, 0)
    for slot in (5, 6) if depthwise else (4, 5):
        b.PrependInt32Slot(slot, 1, 1)
    return DEPTHWISE_OPTIONS if depthwise else CONV_OPTIONS, b.EndObject()


def integers(b: flatbuffers.Builder, values: list[int]) -> int:
    return b.CreateNumpyVector(np.asarray(values, np.int32))


def offsets(b: flatbuffers.Builder, tables: list[int]) -> int:
    b.StartVector(4, len(tables), 4)
    for table in reversed(tables):
        b.PrependUOffsetTRelative(table)
    return b.EndVector()


def buffers(b: flatbuffers.Builder, net: Network) -> int:
    """One for each tensor, behind the empty one that comes first."""
    tables = []
    for data in [None, *(data for _, data in net.tensors)]:
        content = None
        if data is not None:
            raw = data.tobytes()
            b.StartVector(1, len(raw), 16)
            b.head -= len(raw)
            b.Bytes[b.head : b.head + len(raw)] = raw
            content = b.EndVector()
        b.StartObject(1)
        if content is not None:
            b.PrependUOffsetTRelativeSlot(0, content, 0)
        tables.append(b.EndObject())
    return offsets(b, tables)


def subgraph(b: flatbuffers.Builder, net: Network, codes: list[int], x: int, y: int) -> int:
    tensors, operators = [], []
    for i, (shape, _) in enumerate(net.tensors):
        name, dims = b.CreateString(f"t{i}"), integers(b, shape)
        b.StartObject(5)
        b.PrependUOffsetTRelativeSlot(0, dims, 0)
        b.PrependUint32Slot(2, i + 1, 0)
        b.PrependUOffsetTRelativeSlot(3, name, 0)
        tensors.append(b.EndObject())
    for code, inputs, out, options in net.operators:
        read, written = integers(b, inputs), integers(b, [out])
        kind, table = options_table(b, code, options)
        b.StartObject(5)
        b.PrependUint32Slot(0, codes.index(code), 0)
        b.PrependUOffsetTRelativeSlot(1, read, 0)
        b.PrependUOffsetTRelativeSlot(2, written, 0)
        b.PrependUint8Slot(3, kind, 0)
        b.PrependUOffsetTRelativeSlot(4, table, 0)
        operators.append(b.EndObject())
    parts = [offsets(b, tensors), integers(b, [x]), integers(b, [y]), offsets(b, operators)]
    b.StartObject(5)
    for slot, part in enumerate(parts):
        b.PrependUOffsetTRelativeSlot(slot, part, 0)
    return b.EndObject()


def tflite(net: Network, x: int, y: int) -> bytes:
    """The file of a network with one input and one output."""
    b = flatbuffers.Builder(1 << 20)
    codes, tables = sorted({code for code, *_ in net.operators}), []
    for code in codes:
        b.StartObject(4)
        b.PrependInt8Slot(0, code, 0)
        b.PrependInt32Slot(2, 1, 0)  # version
        b.PrependInt32Slot(3, code, 0)
        tables.append(b.EndObject())
    known, graph = offsets(b, tables), offsets(b, [subgraph(b, net, codes, x, y)])
    data = buffers(b, net)
    b.StartObject(5)
    b.PrependUint32Slot(0, 3, 0)
    b.PrependUOffsetTRelativeSlot(1, known, 0)
    b.PrependUOffsetTRelativeSlot(2, graph, 0)
    b.PrependUOffsetTRelativeSlot(4, data, 0)
    b.Finish(b.EndObject(), b"TFL3")
    return bytes(b.Output())

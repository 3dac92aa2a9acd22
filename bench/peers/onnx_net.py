"""The MNIST network as ONNX, built from the example's weights."""
import numpy as np
from net import nchw_weights
from onnx import TensorProto, helper, numpy_helper

OPSET = 17


def to_nchw() -> tuple[list, list]:
    """u8 NHWC pictures to f32 NCHW, as importers write it."""
    nodes = [
        helper.make_node("Cast", ["image"], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["cast", "full"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["x"], perm=[0, 3, 1, 2]),
    ]
    return nodes, [numpy_helper.from_array(np.float32(255), "full")]


def body() -> list:
    def conv(name: str, source: str) -> list:
        operands = [source, f"{name}/kernel", f"{name}/bias"]
        return [
            helper.make_node("Conv", operands, [f"{name}.conv"], kernel_shape=[3, 3]),
            helper.make_node("Relu", [f"{name}.conv"], [f"{name}.relu"]),
        ]

    def pool(name: str) -> list:
        sizes = {"kernel_shape": [2, 2], "strides": [2, 2]}
        return [helper.make_node("MaxPool", [f"{name}.relu"], [f"{name}.pool"], **sizes)]

    return [
        *conv("c1", "x"), *pool("c1"), *conv("c2", "c1.pool"), *pool("c2"), *conv("c3", "c2.pool"),
        helper.make_node("Flatten", ["c3.relu"], ["flat"]),
        helper.make_node("Gemm", ["flat", "h/kernel", "h/bias"], ["h.dense"], transB=1),
        helper.make_node("Relu", ["h.dense"], ["h.relu"]),
        helper.make_node("Gemm", ["h.relu", "y/kernel", "y/bias"], ["y"], transB=1),
        helper.make_node("Softmax", ["y"], ["digit"], axis=1),
    ]


def serialise(nodes: list, constants: list, source, result) -> bytes:
    graph = helper.make_graph(nodes, "mnist", [source], [result], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = 8
    return model.SerializeToString()


def mnist(kind: str) -> bytes:
    """kind: `u8 NHWC`, scaled inside, or `f32 NCHW`, scaled already."""
    nodes, constants = to_nchw() if kind == "u8 NHWC" else ([], [])
    constants += [numpy_helper.from_array(array, name) for name, array in nchw_weights().items()]
    if kind == "u8 NHWC":
        source = helper.make_tensor_value_info("image", TensorProto.UINT8, [1, 28, 28, 1])
    else:
        source = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 28, 28])
    result = helper.make_tensor_value_info("digit", TensorProto.FLOAT, [1, 10])
    return serialise(nodes + body(), constants, source, result)


def identity() -> bytes:
    """A network that does nothing: what is left is the cost of a call."""
    source, result = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 10]) for name in ("x", "digit"))
    return serialise([helper.make_node("Identity", ["x"], ["digit"])], [], source, result)

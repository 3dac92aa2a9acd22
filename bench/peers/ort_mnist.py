#!/usr/bin/env python3
"""ONNX Runtime on the MNIST network, one thread, batch 1 (protocol: serve.py)."""
import numpy as np
import onnxruntime as ort
from net import DIGIT, picture_f32, picture_u8
from onnx_net import identity, mnist
from serve import Run, check, serve

NAME = f"ONNX Runtime {ort.__version__}"


def open_session(model: bytes) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def bound(model: bytes, source: np.ndarray) -> tuple[Run, np.ndarray]:
    """A call with input and output bound beforehand, the cheapest from Python, and its output."""
    session = open_session(model)
    binding = session.io_binding()
    result = ort.OrtValue.ortvalue_from_numpy(np.zeros((1, 10), np.float32))
    binding.bind_ortvalue_input(session.get_inputs()[0].name, ort.OrtValue.ortvalue_from_numpy(source))
    binding.bind_ortvalue_output(session.get_outputs()[0].name, result)
    run = session._sess.run_with_iobinding  # without the wrapper, which only handles errors
    args = (binding._iobinding, None)
    run(*args)
    return lambda: run(*args), result.numpy()


def main() -> None:
    variants = {}
    for kind, source in (("u8 NHWC", picture_u8()), ("f32 NCHW", picture_f32())):
        variants[kind], output = bound(mnist(kind), source)
        check(NAME, kind, output, DIGIT)
    empty, _ = bound(identity(), np.zeros((1, 10), np.float32))
    serve(NAME, variants, empty)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""OpenVINO on the MNIST network, one thread, batch 1, f32 (protocol: serve.py)."""
import numpy as np
import openvino as ov
from net import DIGIT, picture_f32, picture_u8
from onnx_net import identity, mnist
from openvino._pyopenvino import InferRequest as Request
from serve import Run, check, serve

NAME = f"OpenVINO {ov.__version__.split('-')[0]}"
OPTIONS = {
    "INFERENCE_NUM_THREADS": 1,
    "NUM_STREAMS": 1,
    "PERFORMANCE_HINT": "LATENCY",
    "INFERENCE_PRECISION_HINT": "f32",  # else bf16 where the CPU has it
    "ENABLE_CPU_PINNING": False,
}


def bound(core: ov.Core, model: bytes, source: np.ndarray) -> tuple[Run, np.ndarray]:
    request = core.compile_model(core.read_model(model), "CPU", OPTIONS).create_infer_request()
    request.set_input_tensor(ov.Tensor(source, shared_memory=False))
    request.infer()
    run = Request.infer  # without the wrapper, which costs several us
    return lambda: run(request, {}, True, False), request.get_output_tensor().data


def main() -> None:
    core, variants = ov.Core(), {}
    for kind, source in (("u8 NHWC", picture_u8()), ("f32 NCHW", picture_f32())):
        variants[kind], output = bound(core, mnist(kind), source)
        check(NAME, kind, output, DIGIT)
    empty, _ = bound(core, identity(), np.zeros((1, 10), np.float32))
    serve(NAME, variants, empty)


if __name__ == "__main__":
    main()

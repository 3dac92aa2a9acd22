#!/usr/bin/env python3
"""Writes the MNIST network as TFLite files for litert_mnist.py: make_tflite.py FOLDER

Needs TensorFlow: run it with the Python of examples/mnist/requirements.txt.
"""
import sys
from pathlib import Path

import tensorflow as tf
from net import EXAMPLE, keras_weights

sys.path.insert(0, str(EXAMPLE))
from train import build_network  # noqa: E402


def trained() -> tf.keras.Model:
    net, tensors = build_network(), keras_weights()
    for layer in net.layers:
        if layer.weights:
            layer.set_weights([tensors[f"{layer.name}/kernel"], tensors[f"{layer.name}/bias"]])
    return net


def convert(net: tf.keras.Model, kind: tf.DType) -> bytes:
    """The net at batch 1, its weights frozen into it."""
    run = tf.function(net, input_signature=[tf.TensorSpec([1, 28, 28, 1], kind)])
    module = tf.Module()
    module.weights = [variable.value for variable in net.variables]
    return tf.lite.TFLiteConverter.from_concrete_functions([run.get_concrete_function()], module).convert()


def main() -> None:
    folder, net = Path(sys.argv[1]), trained()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mnist_u8.tflite").write_bytes(convert(net, tf.uint8))
    scaled_already = tf.keras.Model(net.get_layer("c1").input, net.output)
    (folder / "mnist_f32.tflite").write_bytes(convert(scaled_already, tf.float32))


if __name__ == "__main__":
    main()

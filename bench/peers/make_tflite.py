#!/usr/bin/env python3
"""Writes the MNIST network as TFLite files for litert_mnist.py: make_tflite.py FOLDER

Needs TensorFlow: run it with the Python of examples/mnist/requirements.txt.
"""
import sys
from pathlib import Path

import tensorflow as tf
from net import EXAMPLE, all_pictures, keras_weights

sys.path.insert(0, str(EXAMPLE))
from train import build_network  # noqa: E402


def trained() -> tf.keras.Model:
    net, tensors = build_network(), keras_weights()
    for layer in net.layers:
        if layer.weights:
            layer.set_weights([tensors[f"{layer.name}/kernel"], tensors[f"{layer.name}/bias"]])
    return net


def converter(net: tf.keras.Model, kind: tf.DType) -> tf.lite.TFLiteConverter:
    """Of the net at batch 1, its weights frozen into it."""
    run = tf.function(net, input_signature=[tf.TensorSpec([1, 28, 28, 1], kind)])
    module = tf.Module()
    module.weights = [variable.value for variable in net.variables]
    return tf.lite.TFLiteConverter.from_concrete_functions([run.get_concrete_function()], module)


def quantised(net: tf.keras.Model) -> bytes:
    """8 bits throughout, a scale a channel, from the pictures that the example ships."""
    maker = converter(net, tf.float32)
    maker.optimizations = [tf.lite.Optimize.DEFAULT]
    maker.representative_dataset = lambda: ([picture] for picture in all_pictures())
    maker.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    maker.inference_input_type, maker.inference_output_type = tf.uint8, tf.int8
    return maker.convert()


def main() -> None:
    folder, net = Path(sys.argv[1]), trained()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mnist_u8.tflite").write_bytes(converter(net, tf.uint8).convert())
    scaled_already = tf.keras.Model(net.get_layer("c1").input, net.output)
    (folder / "mnist_f32.tflite").write_bytes(converter(scaled_already, tf.float32).convert())
    (folder / "mnist_int8.tflite").write_bytes(quantised(scaled_already))


if __name__ == "__main__":
    main()

"""Weight files of zeros with the names and shapes of torchvision's ResNet-18, ResNet-50 and MobileNetV2, written from
the architectures; and how many tensors a model must read of each.

    python3 tests/support/torchvision_names.py FOLDER
"""
import json
import math
import struct
import sys
from pathlib import Path

TRAINABLE = {"resnet18": 11689512, "resnet50": 25557032, "mobilenet_v2": 3504872}  # as torchvision says


def norm(name, channels):
    yield from ((f"{name}.{kind}", [channels]) for kind in ("weight", "bias", "running_mean", "running_var"))
    yield f"{name}.num_batches_tracked", []


def conv(name, out, channels, kernel):
    yield f"{name}.weight", [out, channels, kernel, kernel]


def linear(name, out, inputs):
    yield f"{name}.weight", [out, inputs]
    yield f"{name}.bias", [out]


def resnet(blocks, convs, grows):
    """convs: kernels inside a block; the last has `grows` times the width of the others."""
    yield from conv("conv1", 64, 3, 7)
    yield from norm("bn1", 64)
    channels = 64
    for stage, count in enumerate(blocks):
        width = 64 << stage
        for block in range(count):
            name, inputs = f"layer{stage + 1}.{block}", channels
            for i, kernel in enumerate(convs):
                out = width * (grows if i == len(convs) - 1 else 1)
                yield from conv(f"{name}.conv{i + 1}", out, inputs, kernel)
                yield from norm(f"{name}.bn{i + 1}", out)
                inputs = out
            if block == 0 and (stage or channels != inputs):
                yield from conv(f"{name}.downsample.0", inputs, channels, 1)
                yield from norm(f"{name}.downsample.1", inputs)
            channels = inputs
    yield from linear("fc", 1000, channels)


def mobilenet_v2():
    yield from conv("features.0.0", 32, 3, 3)
    yield from norm("features.0.1", 32)
    channels, number = 32, 1
    for grows, out, count in ((1, 16, 1), (6, 24, 2), (6, 32, 3), (6, 64, 4), (6, 96, 3), (6, 160, 3), (6, 320, 1)):
        for _ in range(count):
            name, inside, at = f"features.{number}.conv", channels * grows, 0
            if grows > 1:
                yield from conv(f"{name}.0.0", inside, channels, 1)
                yield from norm(f"{name}.0.1", inside)
                at = 1
            yield from conv(f"{name}.{at}.0", inside, 1, 3)
            yield from norm(f"{name}.{at}.1", inside)
            yield from conv(f"{name}.{at + 1}", out, inside, 1)
            yield from norm(f"{name}.{at + 2}", out)
            channels, number = out, number + 1
    yield from conv("features.18.0", 1280, channels, 1)
    yield from norm("features.18.1", 1280)
    yield from linear("classifier.1", 1000, 1280)


def write(folder, name, tensors):
    header, offset = {}, 0
    for key, shape in tensors:
        counter = key.endswith("num_batches_tracked")
        end = offset + math.prod(shape) * (8 if counter else 4)
        header[key] = {"dtype": "I64" if counter else "F32", "shape": shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(folder / f"{name}.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + offset)  # zeros that take no room
    read = [(key, shape) for key, shape in tensors if not key.endswith("num_batches_tracked")]
    trained = sum(math.prod(shape) for key, shape in read if "running" not in key)
    if trained != TRAINABLE[name]:
        sys.exit(f"{name}: {trained} trainable parameters, not {TRAINABLE[name]}")
    (folder / f"{name}.count").write_text(f"{len(read)}\n")


def main():
    folder = Path(sys.argv[1])
    write(folder, "resnet18", list(resnet((2, 2, 2, 2), (3, 3), 1)))
    write(folder, "resnet50", list(resnet((3, 4, 6, 3), (1, 3, 1), 4)))
    write(folder, "mobilenet_v2", list(mobilenet_v2()))


if __name__ == "__main__":
    main()

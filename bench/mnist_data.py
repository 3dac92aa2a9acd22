"""How often compiled networks are right on MNIST's 10 000 test images, where $LEPC_DATA/data/mnist has them."""
import gzip
import os
import re
from pathlib import Path

from figures import Figure
from measure import fail, output_of
from mnist import ROOT, Ours

IMAGES, LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"


def accuracy(network: Ours, folder: Path) -> float:
    """Per cent of the images that were unpacked to the folder."""
    said = output_of([str(network.binary), "--input", f"image={folder / IMAGES}", f"--labels={folder / LABELS}",
                      "--output", f"digit={folder / 'out.npy'}"])
    found = re.search(r"Test accuracy: ([0-9.]+)", said)
    return float(found[1]) if found else fail("the binary printed no accuracy")


def accuracies(networks: dict[str, Ours], folder: Path) -> list[Figure]:
    """Of each network by its name; none, with a word, without the images."""
    data = Path(os.environ.get("LEPC_DATA", ROOT.parent / "shared")) / "data/mnist"
    if not (data / f"{IMAGES}.gz").is_file():
        print(f"no MNIST in {data}: accuracies are left out")
        return []
    for name in (IMAGES, LABELS):
        (folder / name).write_bytes(gzip.decompress((data / f"{name}.gz").read_bytes()))
    return [Figure(f"accuracy, {name}", accuracy(network, folder), "%", 99.0, least=True)
            for name, network in networks.items()]

"""How near each layer of a network comes to what the core can do."""
import json
import os
from pathlib import Path

from figures import Figure
from measure import output_of

HERE = Path(__file__).resolve().parent
BAR_PERCENT, FROM_US = 80, 1.0  # layers of FROM_US and less are shown, not judged


def measure_core(folder: Path) -> dict:
    """Compiles roofline.c for this machine and runs it."""
    program = folder / "roofline"
    compiler = os.environ.get("CC", "cc")
    output_of([compiler, "-O2", "-march=native", "-o", str(program), str(HERE / "roofline.c")])
    return json.loads(output_of([str(program)]))


def best_of(cores: list[dict]) -> dict:
    """The best figures of several measurements: others share the machine."""
    levels = [max(same, key=lambda level: level["gbs"]) for same in zip(*(core["levels"] for core in cores))]
    return cores[0] | {"f32_gflops": max(core["f32_gflops"] for core in cores), "levels": levels}


def level_of(core: dict, size: float) -> dict:
    """The level of memory that a working set of so many bytes lives in."""
    return next((level for level in core["levels"][:-1] if size <= level["bytes"]), core["levels"][-1])


def least_us(core: dict, layer: dict) -> tuple[float, str]:
    """The least time that the layer can take on this core, and what bounds it."""
    moved = layer["bytes_read"] + layer["bytes_written"]
    level = level_of(core, moved)
    compute, memory = 2 * layer["multiply_adds"] / core["f32_gflops"] / 1e3, moved / level["gbs"] / 1e3
    return (compute, "f32") if compute >= memory else (memory, level["name"])


def layer_figures(core: dict, profile: list[dict]) -> list[Figure]:
    figures = []
    for layer in profile:
        if layer["us_min"] <= 0:
            continue
        least, bound = least_us(core, layer)
        judged = layer["us_min"] > FROM_US
        name = f"layer {layer['layer']}, {layer['us_min']:.2f} us, of its roof ({bound})"
        share = 100 * least / layer["us_min"]
        figures.append(Figure(name, share, "%", BAR_PERCENT if judged else None, least=True))
    return figures


def core_figures(core: dict) -> list[Figure]:
    figures = [Figure(f"core: f32 multiply-add, {core['vector_bits']} bit", core["f32_gflops"], "GFLOP/s")]
    return figures + [Figure(f"core: read {level['name']}", level["gbs"], "GB/s") for level in core["levels"]]

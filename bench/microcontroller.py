#!/usr/bin/env python3
"""Networks on bare microcontrollers, under QEMU: flash and RAM of the whole program, and instructions of one inference,
counted with -icount.  Beside them stands what TFLite Micro with CMSIS-NN took, measured beforehand with the real tool
on MLPerf Tiny's own keyword spotting net (kws_ref_model.tflite, int8): constants here, for it is no Python package.
Ours is a net of the same shapes with drawn weights (models/dscnn.lep).  Instructions are no cycles."""
import argparse
import random
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from figures import Figure, print_table, write_json
from measure import output_of

HERE = Path(__file__).resolve().parent
BOARD = HERE.parent / "examples/microcontroller"
CORES = {  # name: QEMU's machine, the compiler's FPU
    "cortex-m4": ("mps2-an386", "fpv4-sp-d16"),
    "cortex-m55": ("mps3-an547", "auto"),
}
# flash and RAM in bytes, instructions of one inference
MICRO = {"cortex-m4": (107592, 25228, 7.70e6), "cortex-m55": (98904, 29884, 1.81e6)}


@dataclass
class Net:
    name: str
    model: Path
    input: str  # its type in C
    values: int
    outputs: int


NETS = [
    Net("mnist", HERE.parent / "examples/mnist/mnist.lep", "uint8_t", 784, 10),
    Net("dscnn", HERE / "models/dscnn.lep", "int8_t", 490, 12),
]


def draw(path: Path, count: int, seed: int) -> Path:
    values = random.Random(seed)
    path.write_bytes(bytes(max(-128, min(127, round(values.gauss(0, 30)))) & 255 for _ in range(count)))
    return path


def run(lepc: str, net: Net, core: str, folder: Path) -> dict[str, int]:
    machine, fpu = CORES[core]
    data = draw(folder / "picture.raw", net.values, 1)
    calibration = [f"--calibrate={draw(folder / f'{i}.raw', net.values, i)}" for i in range(2, 6)]
    if net.name == "mnist":
        calibration = [f"--calibrate={net.model.parent / 'digits'}"]
    built = folder / f"{net.name}.o"
    flags = [f"--target={core}", "--quantize=all:int8", *calibration, "-q", "-o", str(built)]
    output_of([lepc, "build", str(net.model), *flags])
    program = folder / "program.elf"
    output_of(
        ["arm-none-eabi-gcc", f"-mcpu={core}", "-mthumb", "-mfloat-abi=hard", f"-mfpu={fpu}", "-Os", "-std=c11"]
        + ["-ffreestanding", "-fno-tree-loop-distribute-patterns", "-nostdlib", "-Wl,-z,noexecstack,--gc-sections"]
        + [f"-DMODEL={net.name}", f"-DCAPITALS={net.name.upper()}", f"-DINPUT={net.input}"]
        + [f"-DOUTPUTS={net.outputs}", f"-I{folder}", f"-Wa,-I{folder}", "-T", str(BOARD / "board.ld")]
        + [str(HERE / "microcontroller.c"), str(BOARD / "startup.c"), str(built), "-lgcc", "-o", str(program)]
    )
    emulator = ["qemu-system-arm", "-M", machine, "-icount", "shift=0", "-nographic", "-semihosting"]
    said = output_of(["sh", "-c", 'timeout 120 "$@" 2>&1', "sh", *emulator, "-kernel", str(program)])
    figures = {key: int(value) for key, value in re.findall(r"^(\w+) (\d+)$", said, re.MULTILINE)}
    text, constant, zeros = map(int, output_of(["arm-none-eabi-size", str(program)]).splitlines()[1].split()[:3])
    figures["flash"] = text + constant - data.stat().st_size
    figures["ram"] = constant + zeros + figures["stack"]
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lepc", default="build/bin/lepc")
    parser.add_argument("--json", help="keep the figures here")
    options = parser.parse_args()
    figures = []
    for net in NETS:
        for core in CORES:
            with tempfile.TemporaryDirectory() as folder:
                got = run(options.lepc, net, core, Path(folder))
            bars = MICRO[core] if net.name == "dscnn" else (None, None, None)
            ours = (got["flash"], got["ram"], got["instructions"])
            for what, unit, value, bar in zip(("flash", "RAM", "instructions"), ("B", "B", "M"), ours, bars):
                scale = 1e6 if unit == "M" else 1
                figures.append(Figure(f"{net.name} {core} {what}", value / scale, unit, bar and bar / scale))
                if bar:
                    figures.append(Figure("  of TFLite Micro's", value / bar, "", 1))
    print_table(figures)
    if options.json:
        write_json(options.json, figures)
    raise SystemExit(0 if all(figure.good for figure in figures) else 1)


main()

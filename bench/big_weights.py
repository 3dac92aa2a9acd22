#!/usr/bin/env python3
"""Compiles a model of drawn weights, 3 GB unless --mebibytes says less, with its weights embedded in a library, behind
a program and in a file of their own; runs the programs; prints the compiler's own memory at its peak: what it holds
beside mapped files.  The limit of 1 GiB on that memory is also set on the process (RLIMIT_DATA)."""
import argparse
import os
import resource
import sys
import tempfile

from measure import watch

MODEL = """lep 1
block layer(x: f32[N, W], out: int) {{
  d = dense(x, out: out)
  return relu(d)
}}
model big {{
  weights seed: 3
  input x: f32[1, {width}]
  h = repeat {layers} as i (t = x) {{ layer(t, out: {width}) }}
  output y = dense(h, out: 10)
}}
"""
LIMIT = 1 << 30


def limit_memory():
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))


def report(what, size, seconds, peaks):
    own, mapped = (peaks.get(name, 0) / 2**20 for name in ("RssAnon", "RssFile"))
    print(f"{what:32} {size / 2**20:8.0f} {seconds:8.1f} {own:8.0f} {mapped:8.0f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lepc", default="build/bin/lepc")
    parser.add_argument("--mebibytes", type=int, default=3072, help="of weights")
    parser.add_argument("--folder", help="for the files, which need four times as much")
    options = parser.parse_args()
    width = 8192 if options.mebibytes >= 512 else 1024
    layers = max(1, options.mebibytes * 2**20 // (4 * width * width))
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        os.environ["TMPDIR"] = folder
        model = os.path.join(folder, "big.lep")
        with open(model, "w", encoding="ascii") as file:
            file.write(MODEL.format(width=width, layers=layers))
        print(f"{'MiB':>41} {'s':>8} {'own MiB':>8} {'mapped':>8}")
        kinds = (("library, embedded", "embedded", "libbig.a"), ("program, embedded", "embedded", "big"),
                 ("program, external", "external", "big"))
        for kind, flag, name in kinds:
            out = os.path.join(folder, name)
            seconds, peaks = watch([options.lepc, model, f"--weights={flag}", "-q", "-o", out], preexec_fn=limit_memory)
            size = sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder) if f != "big.lep")
            report(kind, size, seconds, peaks)
            if name == "big":
                seconds, peaks = watch([out, "--bench=2"], preexec_fn=limit_memory)
                report("  its run", 0, seconds, peaks)
            for file in os.listdir(folder):
                if file != "big.lep":
                    os.remove(os.path.join(folder, file))
        seconds, peaks = watch([options.lepc, "run", model, "--bench=2"], preexec_fn=limit_memory)
        report("lepc run", 0, seconds, peaks)


main()

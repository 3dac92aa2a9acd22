#!/usr/bin/env python3
"""Compiles a model of drawn weights, 3 GB unless --mebibytes says less, with its weights embedded in a library, behind
a program and in a file of their own; runs the programs; prints the compiler's own memory at its peak: what it holds
beside mapped files.  The limit of 1 GiB on that memory is also set on the process (RLIMIT_DATA)."""
import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time

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


def status_of(pid):
    fields = {}
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            for line in file:
                name, _, value = line.partition(":")
                if name in ("VmHWM", "RssAnon", "RssFile"):
                    fields[name] = int(value.split()[0]) // 1024
    except (FileNotFoundError, ProcessLookupError):
        pass
    return fields


def watch(command):
    """Seconds, and peaks of the fields above in MiB."""
    peaks, start = {}, time.monotonic()
    child = subprocess.Popen(command, preexec_fn=limit_memory, stdout=subprocess.DEVNULL)
    while child.poll() is None:
        for name, value in status_of(child.pid).items():
            peaks[name] = max(peaks.get(name, 0), value)
        time.sleep(0.005)
    if child.returncode:
        sys.exit(f"{' '.join(command)}: exit status {child.returncode}")
    return time.monotonic() - start, peaks


def report(what, size, seconds, peaks):
    print(f"{what:32} {size / 2**20:8.0f} {seconds:8.1f} {peaks.get('RssAnon', 0):8} {peaks.get('RssFile', 0):8}")


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
            seconds, peaks = watch([options.lepc, model, f"--weights={flag}", "-q", "-o", out])
            size = sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder) if f != "big.lep")
            report(kind, size, seconds, peaks)
            if name == "big":
                seconds, peaks = watch([out, "--bench=2"])
                report("  its run", 0, seconds, peaks)
            for file in os.listdir(folder):
                if file != "big.lep":
                    os.remove(os.path.join(folder, file))
        seconds, peaks = watch([options.lepc, "run", model, "--bench=2"])
        report("lepc run", 0, seconds, peaks)


main()

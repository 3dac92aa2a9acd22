#!/usr/bin/env python3
"""Lines of the compiler and its runtime that the tests execute: a table a file, worst first, then the total.

    cmake -S . -B build-coverage -G Ninja -DCMAKE_BUILD_TYPE=Debug -DLEPC_COVERAGE=ON && ninja -C build-coverage
    LEPC_SAMPLED=1 ctest --test-dir build-coverage
    python3 tests/coverage.py build-coverage [--missing [FILE...]]

--missing lists, instead, the functions never called and the lines never executed, of all files or of those named.
Counts of files that stand in several programs are added; generated sources do not count."""
import collections
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile

LAYERS = ("ir", "passes", "backend", "frontend", "runtime")


def reports(build):
    """What gcov says of each source, as (file, lines, functions)."""
    notes = [str(path.resolve()) for path in pathlib.Path(build).rglob("*.gcno")]
    with tempfile.TemporaryDirectory() as folder:
        for at, note in enumerate(notes):
            into = pathlib.Path(folder, str(at))
            into.mkdir()
            done = subprocess.run(["gcov", "--json-format", note], cwd=into, capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"{done.stderr}{note}: not of one build: delete the .gcda files and run the tests again")
            for path in into.glob("*.gcov.json.gz"):
                for file in json.load(gzip.open(path))["files"]:
                    yield file["file"], file["lines"], file["functions"]


def measure(build):
    """Of each file of the layers: executions of each line, and of each function by its name and first line."""
    root = pathlib.Path(__file__).resolve().parent.parent
    lines = collections.defaultdict(collections.Counter)
    functions = collections.defaultdict(collections.Counter)
    for name, rows, called in reports(build):
        path = (root / name).resolve()
        if not path.is_relative_to(root) or path.relative_to(root).parts[0] not in LAYERS:
            continue
        file = str(path.relative_to(root))
        for row in rows:
            lines[file][row["line_number"]] += row["count"]
        for row in called:
            functions[file][row["start_line"], row["name"]] += row["execution_count"]
    return lines, functions


def print_missing(lines, functions, wanted):
    for file in sorted(wanted or lines):
        for (line, name), count in sorted(functions[file].items()):
            if not count:
                print(f"{file}:{line}: {name} is never called")
        text = pathlib.Path(file).read_text(encoding="utf-8").splitlines()
        for line, count in sorted(lines[file].items()):
            if not count:
                print(f"{file}:{line}: {text[line - 1].rstrip()}")


def print_table(lines):
    rows = []
    for file, counts in lines.items():
        rows.append((sum(1 for count in counts.values() if count), len(counts), file))
    for layer in LAYERS:
        inside = [row for row in rows if row[2].startswith(layer + "/")]
        rows.append((sum(row[0] for row in inside), sum(row[1] for row in inside), layer + "/ in all"))
    files = sorted((row for row in rows if not row[2].endswith("in all")), key=lambda row: row[0] / row[1])
    for done, count, file in files + [row for row in rows if row[2].endswith("in all")]:
        print(f"{100 * done / max(count, 1):6.1f} % {done:6} of {count:6}  {file}")
    done, count = (sum(row[i] for row in files) for i in (0, 1))
    print(f"{100 * done / count:6.1f} % {done:6} of {count:6}  total")


def main(arguments):
    if not arguments:
        sys.exit(__doc__)
    lines, functions = measure(arguments[0])
    if not lines:
        sys.exit(f"{arguments[0]}: nothing was measured there: build with -DLEPC_COVERAGE=ON and run the tests")
    if "--missing" in arguments:
        print_missing(lines, functions, arguments[2:])
    else:
        print_table(lines)


main(sys.argv[1:])

#!/usr/bin/env python3
"""Who may include whom. The same table stands in ARCHITECTURE.md, and this compares the two.

    python3 tests/rules/layers.py [ROOT]
    python3 tests/rules/layers.py --self-test

Prints file:line, what is wrong and what to do; status 1 if anything is.
"""
import re
import sys
import tempfile
from pathlib import Path

# The most specific folder of a file decides.
MAY_INCLUDE = {
    "ir": {"ir"},
    "passes": {"passes", "ir"},
    "backend": {"backend", "ir"},
    "frontend": {"frontend", "ir"},
    "frontend/driver": {"frontend", "ir", "passes", "backend", "runtime"},
    "runtime": {"runtime"},
    "tests": {"tests", "frontend", "ir", "passes", "backend", "runtime"},
}
# System headers that only some parts may see.
RESERVED = {"llvm": ("llvm-c/", {"backend"}), "cmocka": ("cmocka", {"tests"})}
SOURCES = {".c", ".h", ".def", ".l", ".y"}
OTHER_LANGUAGES = {".cc", ".cpp", ".cxx", ".hpp", ".hh", ".C"}
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
ROW = re.compile(r"^\|\s*`([a-z/]+)`\s*\|\s*((?:`[a-z/]+`(?:, )?)+)\s*\|$")
GENERATED = {"parser.h", "lexer.h", "onnx.pb-c.h"}


def part_of(path):
    """The row of MAY_INCLUDE that rules a file, or None."""
    parts = path.parts[:-1]
    for length in range(len(parts), 0, -1):
        name = "/".join(parts[:length])
        if name in MAY_INCLUDE:
            return name
    return None


def check_include(root, path, part, kind, name):
    """What is wrong with one #include, or None."""
    for what, (prefix, parts) in RESERVED.items():
        if name.startswith(prefix) and part.split("/")[0] not in parts:
            return f"{what} headers belong to {', '.join(sorted(parts))} only: go through a function of that part"
    if kind == "<" or name in GENERATED:
        return None
    if not (root / name).is_file():
        return f'"{name}" is not a file seen from the root: spell the whole path, as in "ir/graph.h"'
    target = name.split("/")[0]
    if target not in MAY_INCLUDE[part]:
        allowed = ", ".join(sorted(MAY_INCLUDE[part]))
        return f'{part} may include {allowed}, not "{name}": move what is needed down, or pass it in as data'
    return None


def check_files(root):
    for path in sorted(p for name in {n.split("/")[0] for n in MAY_INCLUDE} for p in (root / name).rglob("*")):
        relative = path.relative_to(root)
        if path.suffix in OTHER_LANGUAGES:
            yield f"{relative}:1: C11 only: no C++"
        part = part_of(relative)
        if path.suffix not in SOURCES or part is None or not path.is_file():
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            wrong = match and check_include(root, relative, part, *match.groups())
            if wrong:
                yield f"{relative}:{number}: {wrong}"


def check_document(root):
    document = root / "ARCHITECTURE.md"
    if not document.is_file():
        yield "ARCHITECTURE.md:1: missing: it holds the include table"
        return
    seen = {}
    for number, line in enumerate(document.read_text().splitlines(), 1):
        match = ROW.match(line)
        if not match or match[1] not in MAY_INCLUDE:
            continue
        seen[match[1]] = number
        said = set(re.findall(r"`([a-z/]+)`", match[2]))
        if said != MAY_INCLUDE[match[1]]:
            yield (f"ARCHITECTURE.md:{number}: `{match[1]}` may include {', '.join(sorted(MAY_INCLUDE[match[1]]))} "
                   "by tests/rules/layers.py: make the two agree")
    for part in MAY_INCLUDE.keys() - seen.keys():
        yield f"ARCHITECTURE.md:1: no row for `{part}` in the include table"


def check(root):
    return [*check_files(root), *check_document(root)]


def table():
    """The rows as ARCHITECTURE.md has them."""
    return [f"| `{part}` | {', '.join(f'`{name}`' for name in sorted(allowed))} |"
            for part, allowed in MAY_INCLUDE.items()]


BAD = {
    "ir/a.c": ('#include "passes/p.h"\n', "ir may include"),
    "passes/a.c": ('#include "backend/b.h"\n', "passes may include"),
    "frontend/a.c": ('#include "passes/p.h"\n', "frontend may include"),
    "backend/a.c": ('#include "b.h"\n', "not a file seen from the root"),
    "runtime/a.c": ('#include "ir/i.h"\n', "runtime may include"),
    "frontend/driver/a.c": ("#include <llvm-c/Core.h>\n", "llvm headers"),
    "ir/b.c": ("#include <cmocka.h>\n", "cmocka headers"),
    "ir/c.cpp": ("", "no C++"),
}


def self_test():
    """Each rule must find its bad sample, and a good tree must pass."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        good = {"ir/i.h": "", "passes/p.h": '#include "ir/i.h"\n', "backend/b.h": "#include <llvm-c/Core.h>\n",
                "frontend/driver/main.c": '#include "backend/b.h"\n', "runtime/r.h": "",
                "tests/t.c": "#include <cmocka.h>\n",
                "ARCHITECTURE.md": "\n".join(table())}
        for name, text in good.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        assert check(root) == [], check(root)
        for name, (text, expected) in BAD.items():
            (root / name).write_text(text)
            found = check(root)
            assert len(found) == 1 and found[0].startswith(f"{name}:1: ") and expected in found[0], (name, found)
            (root / name).unlink()
        (root / "ARCHITECTURE.md").write_text("\n".join(table()[1:]).replace("`ir` |", "`ir`, `runtime` |", 1))
        assert len(check(root)) == 2, check(root)


def main():
    if sys.argv[1:] == ["--self-test"]:
        self_test()
        return
    found = check(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
    print("\n".join(found) if found else "layers: all includes go the right way")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()

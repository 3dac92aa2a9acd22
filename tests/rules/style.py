#!/usr/bin/env python3
"""The bounds of the house's style that a machine can check.

    python3 tests/rules/style.py [ROOT [BUILD]]     BUILD: a build folder, whose objects must hold no mutable data
    python3 tests/rules/style.py --self-test

Prints file:line, what is wrong and what to do; status 1 if anything is.
"""
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FUNCTION_LINES, USUAL_LINES, USUAL_SHARE = 60, 40, 0.90
FILE_LINES, LINE_LENGTH = 500, 120
CASES = 5  # a switch with more operators than this should be a table
FOLDERS = ("frontend", "ir", "passes", "backend", "runtime", "tests", "examples", "bench", "cmake", ".ci")
TOP_LEVEL = {"CMakeLists.txt", "README.md", "ARCHITECTURE.md", "CHANGELOG.md", "LICENSE", "NOTICE", "docs",
             "frontend", "ir", "passes", "backend", "runtime", "tests", "examples", "bench", "cmake"}
C_SOURCES = {".c", ".h", ".l", ".y"}
SOURCES = C_SOURCES | {".def", ".py", ".sh", ".cmake"}
# The one mutable global that a signal handler needs; what stb_image has of its own.
MUTABLE_ALLOWED = re.compile(r"/driver/.*\binterrupted$|/runner/picture.* (stbi__\w+|invalid_chunk\.\d+)$")
MARKS = re.compile(r"\b(" + "TO" + "DO|FIX" + "ME|XX" + "X|HA" + r"CK)\b")
SKIPPED = {"__pycache__", "venv"}
FORMATTER = "clang-format-14"


def files_of(root):
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in SOURCES and path.is_file() and not SKIPPED & set(path.parts):
                yield path


def functions(lines):
    """(first line, length) of each function definition: formatted code has its braces in column 0."""
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number - 1
            while start > 1 and lines[start - 2] and not re.match(r"[#}/ ]|.*(;|\*/)$", lines[start - 2]):
                start -= 1
        elif line == "}" and start:
            yield start, number - start + 1
            start = None


def check_functions(root):
    lengths = []
    for path in files_of(root):
        if path.suffix not in C_SOURCES:
            continue
        for start, length in functions(path.read_text().splitlines()):
            lengths.append((length, f"{path.relative_to(root)}:{start}"))
            if length > FUNCTION_LINES:
                yield (f"{lengths[-1][1]}: a function of {length} lines, at most {FUNCTION_LINES}: "
                       "split it where a step has a name")
    usual = sum(length <= USUAL_LINES for length, _ in lengths)
    if usual < USUAL_SHARE * len(lengths):
        longest = ", ".join(f"{place} ({length})" for length, place in sorted(lengths, reverse=True)[:8])
        yield (f".:1: {usual} of {len(lengths)} functions are of at most {USUAL_LINES} lines, "
               f"{USUAL_SHARE:.0%} must be: split some of {longest}")


def check_lines(root):
    for path in files_of(root):
        name, lines = path.relative_to(root), path.read_text().splitlines()
        if len(lines) > FILE_LINES:
            yield f"{name}:{FILE_LINES + 1}: a file of {len(lines)} lines, at most {FILE_LINES}: split it by subject"
        for number, line in enumerate(lines, 1):
            if len(line) > LINE_LENGTH:
                yield f"{name}:{number}: {len(line)} columns, at most {LINE_LENGTH}: break the line"
            if "\t" in line:
                yield f"{name}:{number}: a tab: indent with spaces"
            if line != line.rstrip():
                yield f"{name}:{number}: blanks at the end: remove them"
            if MARKS.search(line):
                yield f"{name}:{number}: a mark of unfinished work: finish it, or open an issue"


def check_switches(root):
    """Operators are rows of a table: a switch over them would have to grow with each one."""
    for path in files_of(root):
        if path.suffix not in C_SOURCES:
            continue
        cases, depth, stack = 0, 0, []
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if re.search(r"\bswitch \(", line):
                stack.append((depth, number))
                cases = 0
            cases += len(re.findall(r"\bcase OP_", line))
            depth += line.count("{") - line.count("}")
            if stack and depth <= stack[-1][0]:
                _, start = stack.pop()
                if cases > CASES:
                    yield (f"{path.relative_to(root)}:{start}: a switch over {cases} operators: "
                           "ask the OpDef, or give it the field that is missing")
                cases = 0


def check_guards(root):
    seen = {}
    for path in files_of(root):
        if path.suffix != ".h":
            continue
        name = path.relative_to(root)
        directives = re.findall(r"^#\s*(\w+)\s+(\w+)", path.read_text(), re.M)[:2]
        if len(directives) < 2 or directives != [("ifndef", directives[0][1]), ("define", directives[0][1])]:
            yield f"{name}:1: no include guard: #ifndef and #define of one name must come first"
        elif directives[0][1] in seen:
            yield (f"{name}:1: the include guard {directives[0][1]} is that of {seen[directives[0][1]]}: "
                   "call it after the path")
        else:
            seen[directives[0][1]] = name


def check_layout(root):
    for path in sorted(root.iterdir()):
        if path.name not in TOP_LEVEL and not path.name.startswith((".", "build")):
            yield f"{path.name}:1: does not belong at the top: the house has {', '.join(sorted(TOP_LEVEL))}"


def check_format(root):
    if not shutil.which(FORMATTER):
        print(f"style: {FORMATTER} is missing, formatting not checked", file=sys.stderr)
        return
    paths = [p.relative_to(root) for p in files_of(root) if p.suffix in {".c", ".h"}]
    command = [FORMATTER, "--dry-run", "--fcolor-diagnostics=0", *map(str, paths)]
    done = subprocess.run(command, cwd=root, text=True, stderr=subprocess.PIPE)
    first = {}
    for name, number in re.findall(r"^(\S+?):(\d+):\d+: warning", done.stderr, re.M):
        first.setdefault(name, number)
    for name, number in first.items():
        yield f"{name}:{number}: not as the formatter writes it: run {FORMATTER} -i {name}"


def check_globals(objects):
    """Symbols in sections that can be written: .data.rel.ro is constant after loading."""
    text, name = "", ""
    if objects:
        command = ["objdump", "-t", *map(str, objects)]
        text = subprocess.run(command, text=True, stdout=subprocess.PIPE, check=True).stdout
    for line in text.splitlines():
        if line.endswith(("file format elf64-x86-64", "file format elf64-littleaarch64")):
            name = line.split(":")[0]
        match = re.match(r"[0-9a-f]+ .{7} (\*COM\*|\.t?data\S*|\.t?bss\S*)\t[0-9a-f]+\s+(\S.*)$", line)
        if not match or match[1].startswith(".data.rel.ro") or match[2].startswith("."):
            continue
        if not MUTABLE_ALLOWED.search(f"{name} {match[2]}"):
            yield f"{name}:1: `{match[2]}` is a mutable global ({match[1]}): make it const, or carry it in a context"


def check_names(objects):
    """One program links them all: two functions of one name would be one, with no word from the linker of archives."""
    seen, text = {}, ""
    if objects:
        command = ["nm", "-A", "-g", "--defined-only", *map(str, objects)]
        text = subprocess.run(command, text=True, stdout=subprocess.PIPE, check=True).stdout
    for path, symbol in re.findall(r"^(.*?):[0-9a-f]+ [A-Z] (\S+)$", text, re.M):
        if symbol in seen:
            yield f"{path}:1: `{symbol}` is defined in {seen[symbol]} as well: rename one, or make it static"
        seen[symbol] = path


def product_objects(build):
    """Of what is built without instrumentation; sanitizers put their own data beside ours."""
    cache = (build / "CMakeCache.txt").read_text()
    if re.search(r"LEPC_(SANITIZE:STRING=.+|COVERAGE:BOOL=ON)", cache):
        print("style: instrumented build, mutable globals not checked", file=sys.stderr)
        return []
    parts = ("ir", "passes", "backend", "frontend", "runner_here")
    folders = [build / "CMakeFiles" / f"{name}.dir" for name in ("lepc", *(f"lepc_{part}" for part in parts))]
    return sorted(p for folder in folders for p in folder.rglob("*.o"))


RULES = (check_functions, check_lines, check_switches, check_guards, check_layout, check_format)


def check(root, build=None):
    found = [line for rule in RULES for line in rule(root)]
    objects = product_objects(build) if build else []
    return found + [*check_globals(objects), *check_names(objects)]


LONG = "int f(int a)\n{\n" + "    a += 1;\n" * 58 + "    return a;\n}\n"
MIDDLE = "".join(f"int g{i}(int a)\n{{\n" + "    a += 1;\n" * 40 + "    return a;\n}\n" for i in range(2))
CASE_ROWS = "".join(f"    case OP_{i}: break;\n" for i in range(6))
SWITCH = f"void f(int op)\n{{\n    switch (op) {{\n{CASE_ROWS}    }}\n}}\n"
BAD = {
    "ir/long.c": (LONG, "a function of 62 lines"),
    "ir/middle.c": (MIDDLE, "functions are of at most"),
    "ir/file.c": ("int a;\n" * 501, "a file of 501 lines"),
    "ir/wide.py": ("#" * 121 + "\n", "121 columns"),
    "ir/tab.def": ("\tROW(a)\n", "a tab"),
    "ir/blank.sh": ("true \n", "blanks at the end"),
    "ir/mark.c": ("/* TO" + "DO */\n", "unfinished work"),
    "ir/switch.c": (SWITCH, "a switch over 6 operators"),
    "ir/guard.h": ("int f(void);\n", "no include guard"),
    "ir/twice.h": ("#ifndef GOOD_H\n#define GOOD_H\n#endif\n", "is that of"),
    "stray/a.txt": ("", "does not belong at the top"),
}
GLOBALS = ("int counter = 1;\nstatic int hidden;\nint *bump(void) { hidden++; return &hidden; }\n"
           "const int fine = 3;\nconst char *const names[] = {\"a\", \"b\"};\n")


def self_test():
    """Each rule must find its bad sample, and a good tree must pass."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "ir").mkdir()
        (root / "ir/good.h").write_text("#ifndef GOOD_H\n#define GOOD_H\n\nint f(int a);\n\n#endif\n")
        (root / "ir/good.c").write_text("int f(int a) { return a; }\n")
        shutil.copy(Path(__file__).parents[2] / ".clang-format", root)
        assert check(root) == [], check(root)
        for name, (text, expected) in BAD.items():
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_text(text)
            found = [line for line in check(root) if "the formatter" not in line]
            assert len(found) >= 1 and expected in found[0], (name, found)
            (root / name).unlink()
            if not name.startswith("ir/"):
                (root / name).parent.rmdir()
        if shutil.which(FORMATTER):
            (root / "ir/format.c").write_text("int  f( int a ){return a;}\n")
            assert any("the formatter" in line for line in check(root))
            (root / "ir/format.c").unlink()
        (root / "ir/globals.c").write_text(GLOBALS)
        subprocess.run(["cc", "-fPIC", "-c", root / "ir/globals.c", "-o", root / "globals.o"], check=True)
        found = [*check_globals([root / "globals.o"])]
        assert len(found) == 2 and "`hidden`" in "".join(found) and "`counter`" in "".join(found), found
        shutil.copy(root / "globals.o", root / "again.o")
        assert any("`bump` is defined in" in line for line in check_names([root / "globals.o", root / "again.o"]))


def main():
    if sys.argv[1:] == ["--self-test"]:
        self_test()
        return
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    found = check(root, Path(sys.argv[2]) if len(sys.argv) > 2 else None)
    print("\n".join(found) if found else "style: within the bounds")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()

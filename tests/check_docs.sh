#!/usr/bin/env bash
# What README.md, ARCHITECTURE.md, docs/ and the READMEs of examples/ show is true: programs (```lep) check without a
# word, commands (```console, after "$ ") run and print what is shown below them; where nothing is shown, the status
# counts.  Code (```c) stands in the source as it is shown.  docs/operators.md is what lepc prints.
set -euo pipefail
lepc=$(realpath "${LEPC:-build/bin/lepc}")
exec python3 - "$lepc" README.md ARCHITECTURE.md docs/*.md examples/README.md examples/*/README.md <<'END'
import os
import re
import shutil
import subprocess
import sys
import tempfile

lepc, pages = sys.argv[1], sys.argv[2:]
failures, ran = [], 0


def blocks(page, language):
    """Line number and text of each fenced block of the language."""
    text = open(page, encoding="utf-8").read()
    for match in re.finditer(rf"^```{language}\n(.*?)^```$", text, re.M | re.S):
        yield text.count("\n", 0, match.start()) + 1, match.group(1)


def run(command, folder):
    path = f"{os.path.dirname(lepc)}:{os.environ['PATH']}"
    return subprocess.run(["bash", "-c", command], cwd=folder, env=os.environ | {"PATH": path}, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def fail(page, line, what):
    failures.append(f"{page}:{line}: {what}")


def check_program(page, line, text, folder):
    file = os.path.join(folder, "examples/mnist/shown.lep")
    with open(file, "w", encoding="utf-8") as out:
        out.write(text)
    done = run(f"lepc check {file}", folder)
    if done.returncode or done.stderr.strip():
        fail(page, line, f"the program does not check:\n{done.stderr}")


def check_commands(page, line, text, folder):
    global ran
    for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
        command, _, shown = part.partition("\n")
        while command.endswith("\\"):
            more, _, shown = shown.partition("\n")
            command = command[:-1] + more
        done = run(command, folder)
        ran += 1
        if done.returncode:
            fail(page, line, f"status {done.returncode} from `{command}`:\n{done.stderr}")
        elif shown.strip() and shown.strip() != done.stdout.strip():
            fail(page, line, f"`{command}` prints\n{done.stdout}and not\n{shown}")


def squeeze(text):
    return re.sub(r"\s+", " ", text).strip()


def check_code(page, line, text, source):
    if squeeze(text) not in source:
        fail(page, line, "this code stands in no file of the source: show what is there")


def check_operators(page):
    """The generated page, after its first line."""
    title, _, text = open(page, encoding="utf-8").read().partition("\n\n")
    if text != run("lepc ops --markdown", ".").stdout:
        fail(page, 1, "not what `lepc ops --markdown` prints: write it again, below the title")


source = "\n".join(squeeze(open(os.path.join(root, name), encoding="utf-8").read())
                   for part in ("ir", "passes", "backend", "frontend", "runtime") for root, _, names in os.walk(part)
                   for name in names if name.endswith((".c", ".h", ".def")))
check_operators("docs/operators.md")
with tempfile.TemporaryDirectory() as folder:
    shutil.copytree("examples", os.path.join(folder, "examples"))
    for page in pages:
        for line, text in blocks(page, "lep"):
            check_program(page, line, text, folder)
            ran += 1
        for line, text in blocks(page, "c"):
            check_code(page, line, text, source)
        for line, text in blocks(page, "console"):
            check_commands(page, line, text, folder)
        for name in re.findall(r"\]\(([^):#]+)\)", open(page, encoding="utf-8").read()):
            if not os.path.exists(os.path.join(os.path.dirname(page), name)):
                fail(page, 1, f"no such file: {name}")
print("\n".join(failures) if failures else f"docs: {ran} programs and commands do what they show")
sys.exit(1 if failures or not ran else 0)
END

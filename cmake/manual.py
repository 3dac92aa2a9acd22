#!/usr/bin/env python3
"""Manual pages from what is there already, so that they stay true.

    manual.py commands LEPC OUT       lepc(1), from what `lepc --help` says of each command
    manual.py page TEXT.md OUT        lep(5), from the Markdown of docs/language.md
"""
import re
import subprocess
import sys
from pathlib import Path


def plain(text: str) -> str:
    """Characters that mean something to roff, so that they do not."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.M)


def inline(text: str) -> str:
    """`code` and **words** of a paragraph."""
    parts = re.split(r"(`[^`]*`|\*\*[^*]*\*\*)", text)
    marked = [f"\\fB{plain(p.strip('`*'))}\\fR" if p[:1] in "`*" and len(p) > 2 else plain(p) for p in parts]
    return re.sub(r"^([.'])", r"\\&\1", "".join(marked))


def head(name: str, section: int, version: str) -> list[str]:
    return [f'.TH {name.upper()} {section} "" "{version}"']


def option_lines(text: str) -> list[str]:
    rows = re.findall(r"^  (-\S+?(?:, --\S+)?|[a-z]+) +(\S.*)$", text, re.M)
    return [line for option, what in rows for line in (".TP", f".B {plain(option)}", inline(what))]


def commands(lepc: str) -> list[str]:
    def said(*words: str) -> str:
        return subprocess.run([lepc, *words], stdout=subprocess.PIPE, text=True, check=True).stdout

    whole = said("--help")
    version = said("--version").split(",")[0]
    rows = re.findall(r"^  lepc (.*?)(?: {2,}| (?=compiles in memory))(\S.*)$", whole, re.M)
    out = head("lepc", 1, version)
    out += [".SH NAME", "lepc \\- compiles neural networks to machine code", ".SH SYNOPSIS"]
    out += [line for usage, _ in rows for line in (".B lepc", plain(usage) + " [OPTION]...", ".br")]
    for usage, doc in rows:
        name = usage.split()[0].strip("[]")
        out += [f".SH LEPC {name.upper()}", inline(doc) + ".", *option_lines(said(name, "--help"))]
    status = whole[whole.index("Exit status:") :].split(":", 1)[1]
    out += [".SH EXIT STATUS", inline(" ".join(status.split())), ".SH SEE ALSO", ".BR lep (5)"]
    return out


def table_line(line: str) -> list[str]:
    cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
    if not any(cells) or set(line) <= set("|-: "):
        return []
    return [".TP", inline(cells[0]), inline("; ".join(cells[1:]))]


def page(path: Path) -> list[str]:
    out = head("lep", 5, "lepc")
    out += [".SH NAME", "lep \\- the language of lepc's models", ".SH DESCRIPTION"]
    code = False
    for line in path.read_text().splitlines():
        if line.startswith("```"):
            code = not code
            out.append(".PP\n.nf\n.RS 2" if code else ".RE\n.fi")
        elif code:
            out.append(plain(line))
        elif line.startswith("## "):
            out.append(f".SH {plain(line[3:]).upper()}")
        elif line.startswith("#"):
            out += [] if line.startswith("# ") else [f".SS {plain(line.lstrip('# '))}"]
        elif line.startswith("|"):
            out += table_line(line)
        elif line.startswith("- "):
            out += [".IP \\(bu 2", inline(line[2:])]
        else:
            out.append(inline(line) if line.strip() else ".PP")
    return [*out, ".SH SEE ALSO", ".BR lepc (1)"]


def main() -> None:
    kind, source, target = sys.argv[1:]
    lines = commands(source) if kind == "commands" else page(Path(source))
    Path(target).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

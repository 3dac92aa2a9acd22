"""What can be measured of a compiler and of a binary from outside: time, memory, sizes."""
import os
import subprocess
import sys
import time
from pathlib import Path


def fail(what: str) -> None:
    sys.exit(f"{Path(sys.argv[0]).name}: {what}")


def output_of(command: list[str]) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        fail(f"status {done.returncode} from {' '.join(command)}")
    return done.stdout


def cost_of(command: list[str]) -> tuple[float, float]:
    """Seconds and peak MB of a command, its children included (the linker)."""
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    took = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        fail(f"status {child.returncode} from {' '.join(command)}")
    return took, used.ru_maxrss * 1024 / 1e6


def memory_of(pid: int) -> dict[str, int]:
    """A process' memory now, in bytes, by the names that Linux gives it."""
    fields = {}
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            for line in file:
                name, _, value = line.partition(":")
                if name in ("VmHWM", "RssAnon", "RssFile"):
                    fields[name] = int(value.split()[0]) * 1024
    except (FileNotFoundError, ProcessLookupError):
        pass
    return fields


def watch(command: list[str], **options) -> tuple[float, dict[str, int]]:
    """Seconds, and peaks of memory_of: RssAnon is what a process holds beside mapped files."""
    peaks: dict[str, int] = {}
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, **options)
    while child.poll() is None:
        for name, value in memory_of(child.pid).items():
            peaks[name] = max(peaks.get(name, 0), value)
        time.sleep(0.005)
    if child.returncode:
        fail(f"status {child.returncode} from {' '.join(command)}")
    return time.perf_counter() - start, peaks


def start_to_result(command: list[str], runs: int) -> float:
    """Milliseconds from starting a process to its end, the best of some runs."""
    silent = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    best = float("inf")
    for _ in range(runs):
        start = time.perf_counter()
        pid = os.posix_spawn(command[0], command, os.environ, file_actions=silent)
        status = os.waitpid(pid, 0)[1]
        best = min(best, time.perf_counter() - start)
        if status:
            fail(f"{command[0]} ended with wait status {status}")
    return best * 1e3


def section_size(path: Path, section: str) -> int:
    """Bytes of a section in an object or binary; 0 if it has none."""
    for line in output_of(["size", "-A", str(path)]).splitlines():
        words = line.split()
        if words and words[0] == section:
            return int(words[1])
    return 0


def stripped_size(path: Path, folder: Path) -> int:
    stripped = folder / f"{path.name}.stripped"
    output_of(["strip", "-o", str(stripped), str(path)])
    return stripped.stat().st_size


def pin_to_core(core: int | None) -> int:
    """Pins this process, and what it starts, to one core: the last one unless told."""
    chosen = max(os.sched_getaffinity(0)) if core is None else core
    os.sched_setaffinity(0, {chosen})
    return chosen

"""Measured figures, each beside the bar that it has to reach."""
import json
from dataclasses import asdict, dataclass


@dataclass
class Figure:
    name: str
    value: float
    unit: str
    bar: float | None = None  # None: shown, not judged
    least: bool = False  # the bar is the least allowed, not the most

    @property
    def good(self) -> bool:
        if self.bar is None:
            return True
        return self.value >= self.bar if self.least else self.value <= self.bar


def number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def row(figure: Figure) -> list[str]:
    bar, verdict = "", ""
    if figure.bar is not None:
        bar = f"{'>=' if figure.least else '<='} {number(figure.bar)}"
        verdict = "ok" if figure.good else "MISSED"
    return [figure.name, number(figure.value), figure.unit, bar, verdict]


def print_table(figures: list[Figure]) -> None:
    rows = [["figure", "value", "unit", "bar", ""], *map(row, figures)]
    widths = [max(len(r[i]) for r in rows) for i in range(5)]
    for name, value, unit, bar, verdict in rows:
        line = f"{name:<{widths[0]}}  {value:>{widths[1]}} {unit:<{widths[2]}}  {bar:<{widths[3]}}  {verdict}"
        print(line.rstrip())


def write_json(path: str, figures: list[Figure]) -> None:
    with open(path, "w", encoding="utf-8") as f:
        json.dump([asdict(figure) | {"good": figure.good} for figure in figures], f, indent=1)

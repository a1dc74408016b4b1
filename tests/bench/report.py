# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tables of figures in Markdown."""

import math
import statistics


def summary(values):
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def median_interval(values, confidence=0.95):
    """Between which of the values the median lies, as sure as that (or as sure as they allow),
    whatever their distribution: how many of n fall below the median is binomial."""
    n, ordered = len(values), sorted(values)
    below, tail = 0, 0.5 ** n
    while below < (n - 1) // 2:
        wider = tail + math.comb(n, below + 1) * 0.5 ** n
        if wider > (1 - confidence) / 2:
            break
        below, tail = below + 1, wider
    return ordered[below], ordered[n - 1 - below]


def with_interval(values):
    low, high = median_interval(values)
    return f"{statistics.median(values):.1f} ({low:.1f} to {high:.1f})"


def number(value):
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def show(figure):
    if figure is None:
        return ""
    if isinstance(figure, dict):
        return " / ".join(number(figure[key]) for key in ("min", "median", "max"))
    return figure if isinstance(figure, str) else number(figure)


class Table:
    """Rows with the same figures; a figure is a text, a number or a summary."""

    def __init__(self, title, first, columns):
        self.title, self.columns = title, [first, *columns]
        self.rows, self.notes = [], []

    def add(self, name, **figures):
        self.rows.append({"name": name, **figures})

    def note(self, text):
        self.notes.append(text)

    def markdown(self):
        used = [key for key in self.columns[1:]
                if any(row.get(key) is not None for row in self.rows)]
        lines = [f"### {self.title}", "", "| " + " | ".join([self.columns[0], *used]) + " |",
                 "|" + "---|" * (len(used) + 1)]
        lines += ["| " + " | ".join([row["name"], *(show(row.get(key)) for key in used)]) + " |"
                  for row in self.rows]
        if self.notes:
            lines += ["", *self.notes]
        return "\n".join(lines) + "\n"

    def json(self):
        return {"title": self.title, "rows": self.rows, "notes": self.notes}

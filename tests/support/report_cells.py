"""The cells and sentences of a race's report, taken apart: terminal and Markdown alike."""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass
class Cells:
    """Tables by their rows' labels, and what stands outside of them as one line of text."""

    figures: dict[str, tuple[str, ...]] = field(default_factory=dict)
    others: dict[str, tuple[str, ...]] = field(default_factory=dict)
    gates: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """State, figure and bound by what is judged."""
    text: str = ""

    def _add(self, table: str, cells: list[str]) -> None:
        label, *rest = cells
        if table == "gates":
            label, rest = rest[0], [label, *rest[1:]]
        rows: dict[str, tuple[str, ...]] = getattr(self, table)
        assert label not in rows, f"{label} stands there twice"
        rows[label] = tuple(rest)


def of_terminal(report: str, run_id: str) -> Cells:
    found, table, text = Cells(), "", []
    for line in report.splitlines():
        cells = re.split(r"\s{2,}", line.strip())
        if cells[0] in {"ok", "FAILED"}:
            found._add("gates", cells)
        elif cells[0] == run_id:
            table = "figures"
        elif cells[0] == "other metrics":
            table = "others"
        elif not line.strip():
            table = ""
        elif table:
            found._add(table, cells)
        else:
            text.append("" if line.startswith("report: ") else line.strip("╭╮╰╯─│ "))
    found.text = " ".join(" ".join(text).split())
    return found


def of_markdown(report: str, run_id: str) -> Cells:
    found, table, text = Cells(), "", []
    heads = {"": "figures", "other metrics": "others", "gate": "gates"}
    # The interval's picture holds no figure but the bounds of the rule.
    for line in re.sub(r"(?ms)^```text\n.*?^```$", "", report).splitlines():
        plain = re.sub(r"\\(.)", r"\1", line)
        if not line.startswith("|"):
            table = ""
            text.append(re.sub(r"<[^>]*>|Run " + re.escape(run_id), "", plain).strip("*># "))
            continue
        cells = [cell.strip() for cell in plain.strip("|").split(" | ")]
        if not table:
            table = heads[cells[0]]
        elif not line.startswith("|---"):
            found._add(table, cells)
    found.text = " ".join(" ".join(text).split())
    return found

"""The HTML report taken apart: its tables, scripts and words, as a browser would find them."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

_VOID = {"meta", "link", "br", "hr", "img", "input"}


@dataclass
class Element:
    """An element with what is in it: elements and text."""

    tag: str
    attributes: dict[str, str]
    inside: list[Element | str] = field(default_factory=list)

    def all(self, *tags: str) -> list[Element]:
        """Return every element of these kinds below this one, in the page's order."""
        found = []
        for one in self.inside:
            if isinstance(one, Element):
                found += [one] if one.tag in tags else []
                found += one.all(*tags)
        return found

    def by_id(self, name: str) -> Element | None:
        return next((one for one in self._below() if one.attributes.get("id") == name), None)

    @property
    def raw(self) -> str:
        return "".join(one.raw if isinstance(one, Element) else one for one in self.inside)

    @property
    def text(self) -> str:
        """What can be read, with every space as one."""
        return " ".join(self._readable().split())

    def _readable(self) -> str:
        if self.tag in {"script", "style"}:
            return ""
        parts = (one._readable() if isinstance(one, Element) else one for one in self.inside)
        return "".join(parts) if self.tag in {"span", "code", "a", "strong"} else _apart(parts)

    def _below(self) -> list[Element]:
        found = [one for one in self.inside if isinstance(one, Element)]
        return found + [below for one in found for below in one._below()]


def _apart(parts: Any) -> str:
    return " " + "".join(parts) + " "


@dataclass(frozen=True)
class PageCell:
    """A table's cell: its text, and the stored value behind it."""

    text: str
    value: float | None


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Element("", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        made = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].inside.append(made)
        if tag not in _VOID:
            self._open.append(made)

    def handle_endtag(self, tag: str) -> None:
        assert self._open[-1].tag == tag, f"</{tag}> ends <{self._open[-1].tag}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        self._open[-1].inside.append(data)


class Page:
    """A rendered report."""

    def __init__(self, html: str) -> None:
        builder = _Builder()
        builder.feed(html)
        builder.close()
        self.root = builder.root

    def text_of(self, name: str) -> str:
        found = self.root.by_id(name)
        assert found, name
        return found.text

    def table(self, name: str) -> list[list[PageCell]]:
        """Return a table's rows; the first is its head."""
        found = self.root.by_id(name)
        assert found, name
        return [
            [
                PageCell(
                    cell.text,
                    float(value) if (value := cell.attributes.get("data-value")) else None,
                )
                for cell in row.all("th", "td")
            ]
            for row in found.all("tr")
        ]

    @property
    def data_tables(self) -> dict[str, list[list[PageCell]]]:
        """The data of every picture, by the picture's name."""
        found = [one.attributes["id"] for one in self.root.all("table") if _is_data(one)]
        return {name.removeprefix("data-"): self.table(name) for name in found}

    @property
    def data(self) -> Any:
        """What the page's script is given."""
        found = self.root.by_id("data")
        assert found
        return json.loads(found.raw)

    @property
    def ids(self) -> Counter[str]:
        return Counter(one.attributes["id"] for one in self.root._below() if "id" in one.attributes)

    @property
    def policy(self) -> dict[str, list[str]]:
        """The Content-Security-Policy: sources by directive."""
        metas = [one.attributes for one in self.root.all("meta")]
        content = next(one["content"] for one in metas if "http-equiv" in one)
        parts = (part.split() for part in content.split(";"))
        return {name: sources for name, *sources in parts}


def _is_data(table: Element) -> bool:
    return table.attributes.get("id", "").startswith("data-")


def shortened(html: str) -> str:
    """Return the page without what is long and not its own: scripts, style, most of the data."""
    html = re.sub(r"(<style>).*?(</style>)", r"\1…\2", html, flags=re.DOTALL)
    html = re.sub(r"(<script[^>]*>).*?(</script>)", r"\1…\2", html, flags=re.DOTALL)
    # What can be configured grows, and says nothing of the page.
    html = re.sub(
        r'(-labelledby="configured-title"><tbody>).*?(</tbody>)', r"\1…\2", html, flags=re.DOTALL
    )
    html = re.sub(r'(<code id="toml">).*?(</code>)', r"\1…\2", html, flags=re.DOTALL)
    html = re.sub(r"sha256-[\w+/=]+", "sha256-…", html)
    return re.sub(
        r'(id="data-\w+">\n<thead>.*?<tbody>\n)(.*?)(</tbody>)', _few, html, flags=re.DOTALL
    )


def _few(found: re.Match[str]) -> str:
    rows = found[2].splitlines(keepends=True)
    left = f"… {len(rows) - 4} more rows\n" if len(rows) > 6 else "".join(rows[2:-2])
    return found[1] + "".join(rows[:2]) + left + "".join(rows[max(2, len(rows) - 2) :]) + found[3]

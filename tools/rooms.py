"""Draw the rooms of the two packages, book/_static/rooms.svg, from what their modules import.

An arrow leads from a room to one that imports from it; what follows from other arrows is left out.
The text alternative is put into every Markdown file that shows the picture.

    python tools/rooms.py
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from html import escape

import grimp

from notebooks import ROOT

PICTURE = ROOT / "book" / "_static" / "rooms.svg"
SHOWN_IN = ("README.md", "CONTRIBUTING.md", "book/api/index.md")

# Column and row of each room in the picture, which is narrow enough to be read on a phone. A new
# room gets its place here.
PLACES = {
    "entrance": (0, 0), "data": (1, 0), "figures": (2, 0), "models": (1, 1), "training": (0, 1),
    "pretrained": (0, 2), "commands": (1, 2), "qm9course": (2, 2),
}  # fmt: skip
TITLES = {"entrance": "qm9lib/", "commands": "commands"}
COMMANDS = ("__main__", "doctor")
WIDE, GAP, LINE, TOP = 128, 34, 17, 30

Rooms = Mapping[str, Collection[str]]
Arrows = Collection[tuple[str, str]]


def room_of(module: str) -> str:
    """Return the room of a module.

    Examples
    --------
    >>> [room_of(name) for name in ("qm9lib.data.xyz", "qm9lib.labels", "qm9course.judges.gnn")]
    ['data', 'entrance', 'qm9course']
    """
    package, *parts = module.split(".")
    if package == "qm9course":
        return package
    if parts and parts[0] in PLACES:
        return parts[0]
    return "commands" if parts and parts[0] in COMMANDS else "entrance"


def plan() -> tuple[Rooms, Arrows]:
    """Return the files of each room, and the arrows between rooms."""
    graph = grimp.build_graph("qm9lib", "qm9course", exclude_type_checking_imports=True)
    files: dict[str, list[str]] = {room: [] for room in PLACES}
    edges = set()
    for module in sorted(graph.modules):
        room = room_of(module)
        parts = module.split(".")[1 if room in ("entrance", "commands", "qm9course") else 2 :]
        # A package is its folder, whose files are listed; those of the judges are one line.
        if len(parts) == 1 and not graph.find_children(module):
            files[room].append(parts[0])
        elif len(parts) == 1:
            files[room].append(f"{parts[0]}/")
        for imported in graph.find_modules_directly_imported_by(module):
            edges.add((room_of(imported), room))
    return files, reduced({(a, b) for a, b in edges if a != b})


def reduced(edges: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the edges that do not follow from others; there must be no circle.

    Examples
    --------
    >>> sorted(reduced({("a", "b"), ("b", "c"), ("a", "c")}))
    [('a', 'b'), ('b', 'c')]
    """

    def reaches(a: str, b: str, without: tuple[str, str]) -> bool:
        return any(
            after == b or reaches(after, b, without)
            for before, after in edges - {without}
            if before == a
        )

    if circle := [edge for edge in edges if reaches(edge[1], edge[0], ("", ""))]:
        raise ValueError(f"rooms import each other in a circle: {circle}")
    return {edge for edge in edges if not reaches(*edge, edge)}


def alternative(arrows: Arrows) -> str:
    """Return what the picture shows, in words."""
    arrows_out = []
    for room in PLACES:
        if after := [b for b in PLACES if (room, b) in arrows]:
            arrows_out.append(f"{room} to {' and '.join(after)}")
    return f"The rooms, and how data flow between them: from {', from '.join(arrows_out)}."


def draw(rooms: Rooms, arrows: Arrows) -> str:
    """Return the picture, as SVG."""
    tall = {room: TOP + LINE * len(rooms[room]) for room in PLACES}
    rows = [max(tall[r] for r in PLACES if PLACES[r][1] == row) + GAP for row in range(3)]
    corner = {
        room: (10 + column * (WIDE + GAP), 10 + sum(rows[:row]))
        for room, (column, row) in PLACES.items()
    }
    parts = []
    for room, (x, y) in corner.items():
        title = TITLES.get(room, f"{room}/")
        parts.append(
            f'<rect x="{x}" y="{y}" width="{WIDE}" height="{tall[room]}" rx="8" fill="#fff" '
            f'stroke="#0072b2" stroke-width="1.5"/>'
            f'<text x="{x + 10}" y="{y + 19}" font-weight="bold" fill="#00527f">{title}</text>'
        )
        parts += [
            f'<text x="{x + 10}" y="{y + TOP + 8 + LINE * k}" fill="#222">{escape(file)}</text>'
            for k, file in enumerate(rooms[room])
        ]
    for a, b in sorted(arrows):
        (xa, ya), (xb, yb) = corner[a], corner[b]
        if xa == xb:
            points = [(xa + WIDE // 2, ya + tall[a]), (xb + WIDE // 2, yb)]
        elif ya == yb:  # below a room that stands between the two
            y = ya + (15 if abs(xa - xb) == WIDE + GAP else tall[a] - 8)
            points = [(xa + WIDE, y), (xb, y)] if xa < xb else [(xa, y), (xb + WIDE, y)]
        else:
            raise ValueError(f"no straight line from {a} to {b}: move one of them")
        way = " ".join(f"{x},{y}" for x, y in points)
        parts.append(f'<polyline points="{way}" marker-end="url(#tip)"/>')
    wide, high = 20 + 3 * WIDE + 2 * GAP, 20 + sum(rows) - GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" '
        f'height="{high}" role="img" font-family="sans-serif" font-size="13" fill="none" '
        f'stroke-width="1.5"><title>{escape(alternative(arrows))}</title>'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" '
        'markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z" fill="#777"/></marker></defs>'
        f'<g stroke="none">{"".join(p for p in parts if "polyline" not in p)}</g>'
        f'<g stroke="#777">{"".join(p for p in parts if "polyline" in p)}</g></svg>\n'
    )


def described(text: str, alt: str) -> str:
    """Return the text of a Markdown file with the alternative of the picture that it shows."""
    new, found = re.subn(r"!\[[^]]*\](?=\([^)]*rooms\.svg\))", f"![{alt}]", text)
    if found != 1:
        raise ValueError(f"{found} pictures of the rooms, expected one")
    return new


def main() -> None:
    """Write the picture, and its alternative where it is shown."""
    rooms, arrows = plan()
    PICTURE.write_text(draw(rooms, arrows), encoding="utf-8")
    for name in SHOWN_IN:
        file = ROOT / name
        text = file.read_text(encoding="utf-8")
        file.write_text(described(text, alternative(arrows)), encoding="utf-8")


if __name__ == "__main__":
    main()

"""The bench's results as a table, as JSON and as a plot."""
import json
import math
import pathlib
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
FOLDER = TOP / "docs/performance"
WORSE = 1.03  # against the committed result: shown first


def place(arch, suffix="json"):
    return FOLDER / f"bench{'' if arch == 'x86_64' else '-' + arch}.{suffix}"


def committed(arch):
    """{row: Rundlet's number} of the results in the repository."""
    path = place(arch)
    if not path.exists():
        return {}
    return {row["name"]: row["rundlet"] for row in json.loads(path.read_text())["rows"] if row["rundlet"] is not None}


def progress():
    """Shows on a terminal what is being measured, in one line that is written over."""
    if not sys.stderr.isatty():
        return lambda text: None

    def show(text):
        print(f"\r\033[K{text[:100]}", end="", file=sys.stderr, flush=True)
    return show


class Row:
    def __init__(self, name, linux, mitigated, rundlet):
        self.name, self.rundlet = name, rundlet
        self.mitigated, self.unmitigated = mitigated, linux
        numbers = [n for n in (linux, mitigated) if isinstance(n, (int, float))]
        self.linux = min(numbers) if numbers else None
        self.measured = isinstance(rundlet, (int, float))
        self.ratio = rundlet / self.linux if self.measured and self.linux and self.linux > 0 else None


class Results:
    def __init__(self, arch, names, columns):
        self.arch = arch
        default, off, own = (columns.get(c, {}) for c in ("Linux", "Linux mitigations=off", "Rundlet"))
        self.rows = [Row(name, off.get(name), default.get(name), own.get(name)) for name in names]

    def geomean(self):
        ratios = [max(row.ratio, 1e-9) for row in self.rows if row.ratio is not None]
        return math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else None

    def failures(self):
        """(row, side, why) of what neither gave a number nor said that the subsystem does not exist."""
        found = []
        for row in self.rows:
            for side, value in (("Linux", row.mitigated), ("Linux mitigations=off", row.unmitigated), ("Rundlet", row.rundlet)):
                if isinstance(value, str) and not (side == "Rundlet" and value.startswith("not yet")):
                    found.append((row.name, side, value))
        return found

    def text(self, before):
        """The table: rows that got worse than the committed results first, then worst ratio first."""
        def worse(row):
            old = before.get(row.name)
            return row.measured and old and old > 0 and row.rundlet > old * WORSE
        order = sorted(self.rows, key=lambda r: (not worse(r), r.ratio is None, -(r.ratio or 0)))
        width = max(len(r.name) for r in order)
        lines = [f"{'instructions, ' + self.arch:<{width}}  {'Linux':>11} {'mitig. off':>11} {'Rundlet':>11} {'ratio':>6}  committed"]
        for row in order:
            old = before.get(row.name)
            change = f"{(row.rundlet / old - 1) * 100:+.1f} %" if row.measured and old and old > 0 else ""
            lines.append(f"{row.name:<{width}}  {cell(row.mitigated):>11} {cell(row.unmitigated):>11} {cell(row.rundlet):>11} "
                         f"{'' if row.ratio is None else format(row.ratio, '6.2f'):>6}  {change}{'  WORSE' if worse(row) else ''}".rstrip())
        for name, side, why in self.failures():
            lines.append(f"\n{name}: {side}: {why}")
        ratios = [r.ratio for r in self.rows if r.ratio is not None]
        if ratios:
            lines.append(f"\ngeometric mean of {len(ratios)} rows: {self.geomean():.2f}; {sum(r > 0.8 for r in ratios)} above 0.8, "
                         f"{sum(r > 0.5 for r in ratios)} above 0.5")
        return "\n".join(lines)

    def save(self):
        FOLDER.mkdir(parents=True, exist_ok=True)
        mean = self.geomean()
        rows = [json.dumps({"name": r.name, "linux": r.linux, "rundlet": r.rundlet if r.measured else None,
                            "ratio": None if r.ratio is None else round(r.ratio, 3)}) for r in self.rows]
        place(self.arch).write_text('{"geomean": %s, "rows": [\n  %s\n]}\n' % (
            json.dumps(None if mean is None else round(mean, 3)), ",\n  ".join(rows)))


def cell(value):
    if value is None:
        return "-"
    if isinstance(value, str):
        return "not yet" if value.startswith("not yet") else "FAILED"
    return f"{value:,.0f}" if value >= 1000 else f"{value:,.1f}"

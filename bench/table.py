"""The bench's results as tables, as JSON and as a plot."""
import json
import math
import pathlib
import sys

import plot

TOP = pathlib.Path(__file__).resolve().parent.parent
FOLDER = TOP / "docs/performance"
WORSE = 1.03  # against the committed result: shown first
# What the rows whose names begin so are kept as, beside "bench" for all others: costs that are compared by their ratio.
KINDS = {"boot: ": "start", "container: ": "start", "growth: ": "growth", "use: ": "memory", "smp: ": "smp"}


def kind(name):
    return next((k for prefix, k in KINDS.items() if name.startswith(prefix)), "bench")


def place(what, arch, suffix="json"):
    return FOLDER / f"{what}{'' if arch == 'x86_64' else '-' + arch}.{suffix}"


def saved(what, arch):
    """{row: its entry} of the results in the repository."""
    path = place(what, arch)
    return {row["name"]: row for row in json.loads(path.read_text())["rows"]} if path.exists() else {}


def committed(arch):
    """{row: Rundlet's number} of the results in the repository."""
    return {name: row["rundlet"] for what in ("bench", *sorted(set(KINDS.values()))) for name, row in saved(what, arch).items()
            if row["rundlet"] is not None}


def progress():
    """Shows on a terminal what is being measured, in one line that is written over."""
    if not sys.stderr.isatty():
        return lambda text: None

    def show(text):
        print(f"\r\033[K{text[:100]}", end="", file=sys.stderr, flush=True)
    return show


def is_number(value):
    return isinstance(value, (int, float))


class Row:
    def __init__(self, name, linux, mitigated, rundlet):
        self.name, self.rundlet = name, rundlet
        self.mitigated, self.unmitigated = mitigated, linux
        numbers = [n for n in (linux, mitigated) if is_number(n)]
        self.linux = min(numbers) if numbers else None
        self.measured = is_number(rundlet)
        self.ratio = rundlet / self.linux if self.measured and rundlet > 0 and self.linux and self.linux > 0 else None

    def entry(self):
        return {"name": self.name, "linux": self.linux, "rundlet": self.rundlet if self.measured else None,
                "ratio": None if self.ratio is None else round(self.ratio, 3)}


def mean(ratios):
    """Geometric."""
    return round(math.exp(sum(map(math.log, ratios)) / len(ratios)), 3) if ratios else None


class Results:
    def __init__(self, arch, names, columns):
        self.arch = arch
        default, off, own = (columns.get(c, {}) for c in ("Linux", "Linux mitigations=off", "Rundlet"))
        self.rows = [Row(name, off.get(name), default.get(name), own.get(name)) for name in names]

    def of_kind(self, what):
        return [row for row in self.rows if kind(row.name) == what]

    def failures(self):
        """(row, side, why) of what neither gave a number nor said that the subsystem does not exist."""
        found = []
        for row in self.rows:
            for side, value in (("Linux", row.mitigated), ("Linux mitigations=off", row.unmitigated), ("Rundlet", row.rundlet)):
                if isinstance(value, str) and not value.startswith("left out") and not (side == "Rundlet" and value.startswith("not yet")):
                    found.append((row.name, side, value))
        return found

    def text(self, before):
        parts = []
        for what, unit in (("start", "instructions"), ("growth", "instructions"), ("memory", "bytes"), ("smp", "wall clock"), ("bench", "instructions")):
            if rows := self.of_kind(what):
                parts.append(self.curves(rows) if what == "growth" else self.table(rows, unit, before))
        parts += [f"{name}: {side}: {why}" for name, side, why in self.failures()]
        if ratios := [r.ratio for r in self.of_kind("bench") if r.ratio is not None]:
            parts.append(f"geometric mean of {len(ratios)} rows: {mean(ratios):.2f}; {sum(r > 0.8 for r in ratios)} above 0.8, "
                         f"{sum(r > 0.5 for r in ratios)} above 0.5")
        return "\n\n".join(parts)

    def table(self, rows, unit, before):
        """Rows that got worse than the committed results first, then worst ratio first."""
        def worse(row):
            old = before.get(row.name)
            return row.measured and old and old > 0 and row.rundlet > old * WORSE
        order = sorted(rows, key=lambda r: (not worse(r), r.ratio is None, -(r.ratio or 0)))
        width = max(len(r.name) for r in order)
        lines = [f"{unit + ', ' + self.arch:<{width}}  {'Linux':>11} {'mitig. off':>11} {'Rundlet':>11} {'ratio':>6}  committed"]
        for row in order:
            old = before.get(row.name)
            change = f"{(row.rundlet / old - 1) * 100:+.1f} %" if row.measured and old and old > 0 else ""
            lines.append(f"{row.name:<{width}}  {cell(row.mitigated):>11} {cell(row.unmitigated):>11} {cell(row.rundlet):>11} "
                         f"{'' if row.ratio is None else format(row.ratio, '6.2f'):>6}  {change}{'  WORSE' if worse(row) else ''}".rstrip())
        return "\n".join(lines)

    def curves(self, rows):
        """A line for each operation and kernel: what it costs at 1, 10, 100, ... and the curve that fits best."""
        operations = dict.fromkeys(row.name.rpartition(" @ ")[0] for row in rows)
        width = max(map(len, operations))
        lines = [f"{'instructions, ' + self.arch:<{width}}  {'':8}" +
                 "".join(f"{'n = ' + format(10 ** i, ','):>12}" for i in range(5)) + "  fits best"]
        for operation in operations:
            mine = [row for row in rows if row.name.rpartition(" @ ")[0] == operation]
            for label, values in (("Linux", [r.linux for r in mine]), ("Rundlet", [r.rundlet for r in mine])):
                points = [(10 ** i, v) for i, v in enumerate(values) if is_number(v)]
                cells = "".join(f"{cell(v):>12}" for v in values) + " " * 12 * (5 - len(values))
                lines.append(f"{operation if label == 'Linux' else '':<{width}}  {label:8}{cells}  {fit(points)}".rstrip())
        return "\n".join(lines)

    def save(self):
        """Writes what was measured into the results of the repository; what was not measured stays."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        for what in ("bench", *sorted(set(KINDS.values()))):
            rows = self.of_kind(what)
            if not rows:
                continue
            entries = saved(what, self.arch)
            entries.update((row.name, row.entry()) for row in rows)
            entries = {name: entry for name, entry in entries.items() if kind(name) == what}
            ratios = [e["ratio"] for e in entries.values() if e["ratio"]]
            lines = ",\n  ".join(json.dumps(e) for e in entries.values())
            place(what, self.arch).write_text(f'{{"geomean": {json.dumps(mean(ratios))}, "rows": [\n  {lines}\n]}}\n')
            if what == "growth":
                place(what, self.arch, "svg").write_text(plot.curves(by_operation(entries.values()), self.arch))
            elif ratios:
                place(what, self.arch, "svg").write_text(plot.bars(list(entries.values()), self.arch, mean(ratios)))


def by_operation(entries):
    """{operation: (points, what fits Rundlet's)} for the plot of growth."""
    found = {}
    for entry in entries:
        name, _, n = entry["name"].rpartition(" @ ")
        if entry["linux"] or entry["rundlet"]:
            found.setdefault(name, []).append((int(n), entry["linux"], entry["rundlet"]))
    return {name: (sorted(points), fit([(n, own) for n, _, own in sorted(points) if own])) for name, points in found.items()}


def fit(points):
    """The simplest of a few curves a + b f(n) that the costs follow, by least squares of the relative error."""
    if len(points) < 3:
        return ""
    curves = {" / n": lambda n: 1 / n, " log n": math.log, " n": float, " n log n": lambda n: n * math.log(n), " n^2": lambda n: n * n}
    values = [v for _, v in points]
    if min(values) > 0 and max(values) / min(values) < 1.25:
        return "constant"
    best = None
    for name, f in curves.items():
        # Weighted normal equations for a and b, with weights 1 / value^2.
        w = [1 / max(v, 1e-9) ** 2 for v in values]
        x = [f(n) for n, _ in points]
        sw, sx, sy = sum(w), sum(a * b for a, b in zip(w, x)), sum(a * b for a, b in zip(w, values))
        sxx, sxy = sum(a * b * b for a, b in zip(w, x)), sum(a * b * c for a, b, c in zip(w, x, values))
        determinant = sw * sxx - sx * sx
        if abs(determinant) < 1e-30:
            continue
        b = (sw * sxy - sx * sy) / determinant
        a = (sy - b * sx) / sw
        error = math.sqrt(sum(wi * (v - a - b * xi) ** 2 for wi, v, xi in zip(w, values, x)) / len(points))
        if best is None or error < best[0] * 0.9:
            sign = "+" if b >= 0 else "-"
            best = (error, f"{a:,.0f} {sign} {abs(b):,.3g}{name}")
    return f"{best[1]} (within {best[0] * 100:.0f} %)" if best else ""


def cell(value):
    if value is None:
        return "-"
    if isinstance(value, str):
        return "not yet" if value.startswith("not yet") else "-" if value.startswith("left out") else "FAILED"
    return f"{value:,.0f}" if value >= 1000 else f"{value:,.1f}"

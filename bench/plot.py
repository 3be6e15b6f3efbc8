"""The plots of the results: a bar for each row, Rundlet's cost as a part of Linux's; curves of growth. Plain SVG."""
import math
from xml.sax.saxutils import escape

LEFT, WIDTH, LINE, TOP, MOST = 480, 460, 17, 56, 1.5
GOALS = ((0.5, "0.5"), (0.8, "0.8"), (1.0, "Linux"))


def colour(ratio):
    return "#2e9e5b" if ratio <= 0.5 else "#d9a514" if ratio <= 0.8 else "#c8472f"


def bars(entries, arch, mean):
    rows = sorted((e for e in entries if e["ratio"]), key=lambda e: -e["ratio"])
    height = TOP + LINE * len(rows) + 16
    scale = WIDTH / MOST
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 70}" height="{height}" '
             f'viewBox="0 0 {LEFT + WIDTH + 70} {height}" font-family="sans-serif" font-size="12">',
             '<rect width="100%" height="100%" fill="#ffffff"/>',
             f'<text x="12" y="22" font-size="15" fill="#222">Rundlet beside Debian\'s Linux, {arch}: '
             f'geometric mean {mean:.2f} of {len(rows)} rows (less is better)</text>']
    for goal, label in GOALS:
        x = LEFT + goal * scale
        parts.append(f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{height - 12}" stroke="#888" stroke-dasharray="3 3"/>'
                     f'<text x="{x:.1f}" y="{TOP - 12}" text-anchor="middle" fill="#555">{label}</text>')
    for i, row in enumerate(rows):
        y, ratio = TOP + i * LINE, row["ratio"]
        length = min(ratio, MOST) * scale
        parts.append(f'<text x="{LEFT - 8}" y="{y + 12}" text-anchor="end" fill="#222">{escape(row["name"][:72])}</text>'
                     f'<rect x="{LEFT}" y="{y + 2}" width="{length:.1f}" height="{LINE - 5}" fill="{colour(ratio)}"/>'
                     f'<text x="{LEFT + length + 5:.1f}" y="{y + 12}" fill="#222">{ratio:.2f}</text>')
    return "\n".join(parts) + "\n</svg>\n"


CHART, GAP, COLUMNS = (300, 150), 40, 3
LINUX, RUNDLET = "#7a7a7a", "#2563b0"


def curves(operations, arch):
    """A small chart for each operation: cost against number, both logarithmic. `operations` is {name: ([(n, linux,
    rundlet)], what fits Rundlet's)}."""
    lines_of_charts = -(-len(operations) // COLUMNS)
    width, height = COLUMNS * (CHART[0] + GAP) + GAP, lines_of_charts * (CHART[1] + 2 * GAP) + 50
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
             f'font-family="sans-serif" font-size="11">', '<rect width="100%" height="100%" fill="#ffffff"/>',
             f'<text x="{GAP}" y="24" font-size="15" fill="#222">Instructions of an operation beside n of something, {arch}: '
             f'<tspan fill="{RUNDLET}">Rundlet</tspan>, <tspan fill="{LINUX}">Linux</tspan></text>']
    for i, (name, (points, fitted)) in enumerate(operations.items()):
        left, top = GAP + i % COLUMNS * (CHART[0] + GAP), 60 + i // COLUMNS * (CHART[1] + 2 * GAP)
        parts.append(chart(name, points, fitted, left, top))
    return "\n".join(parts) + "\n</svg>\n"


def chart(name, points, fitted, left, top):
    costs = [c for _, linux, own in points for c in (linux, own) if c and c > 0]
    low, high = math.floor(math.log10(min(costs))), math.ceil(math.log10(max(costs)) + 1e-9)
    high = max(high, low + 1)
    steps = max(math.log10(points[-1][0]), 1)

    def at(n, cost):
        x = left + math.log10(n) / steps * CHART[0]
        return f"{x:.1f},{top + CHART[1] - (math.log10(cost) - low) / (high - low) * CHART[1]:.1f}"
    parts = [f'<text x="{left}" y="{top - 18}" fill="#222">{escape(name.removeprefix("growth: "))}</text>',
             f'<text x="{left}" y="{top - 5}" fill="{RUNDLET}">{escape(fitted)}</text>',
             f'<rect x="{left}" y="{top}" width="{CHART[0]}" height="{CHART[1]}" fill="none" stroke="#ccc"/>']
    for power in range(low, high + 1):
        y = top + CHART[1] - (power - low) / (high - low) * CHART[1]
        parts.append(f'<line x1="{left}" y1="{y:.1f}" x2="{left + CHART[0]}" y2="{y:.1f}" stroke="#eee"/>'
                     f'<text x="{left - 4}" y="{y + 4:.1f}" text-anchor="end" fill="#777">1e{power}</text>')
    for n, _, _ in points:
        x = float(at(n, 10 ** low).split(",")[0])
        parts.append(f'<text x="{x:.1f}" y="{top + CHART[1] + 14}" text-anchor="middle" fill="#777">{n:,}</text>')
    for colour_of, column in ((LINUX, 1), (RUNDLET, 2)):
        line = " ".join(at(p[0], p[column]) for p in points if p[column] and p[column] > 0)
        if line:
            parts.append(f'<polyline points="{line}" fill="none" stroke="{colour_of}" stroke-width="2"/>')
    return "\n".join(parts)

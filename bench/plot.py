"""The plot of the results: a bar for each row, Rundlet's cost as a part of Linux's. Plain SVG."""
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

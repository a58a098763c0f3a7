# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Drawings of samples, as SVG text."""

import statistics
from xml.sax.saxutils import escape

_LEFT, _WIDTH, _ROW, _TOP = 190, 620, 44, 50


def _step(longest):
    """Between two marks of the scale: at most ten of them."""
    return next(step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000) if longest / step <= 10)


def strips(title, unit, rows):
    """One line of dots for each of @rows (name: samples), on a scale from 0, with its median marked and written."""
    longest = max(max(samples) for samples in rows.values()) * 1.05
    step = _step(longest)
    bottom = _TOP + _ROW * len(rows)

    def x(value):
        return _LEFT + value / longest * _WIDTH

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 30} {bottom + 40}"',
        ' font-family="sans-serif" font-size="13" fill="#333">\n',
        f"<title>{escape(title)}</title>\n",
        '<rect width="100%" height="100%" fill="#fff"/>\n',
        f'<text x="16" y="26" font-size="15">{escape(title)}</text>\n',
    ]
    for i in range(int(longest // step) + 1):
        at = f"{x(i * step):.1f}"
        parts.append(f'<line x1="{at}" y1="{_TOP}" x2="{at}" y2="{bottom}" stroke="#ddd"/>')
        parts.append(f'<text x="{at}" y="{bottom + 18}" text-anchor="middle">{i * step}</text>\n')
    parts.append(f'<text x="{_LEFT + _WIDTH}" y="{bottom + 34}" text-anchor="end">{escape(unit)}</text>\n')
    for i, (name, samples) in enumerate(rows.items()):
        y = _TOP + _ROW * i + _ROW / 2
        median = statistics.median(samples)
        parts.append(f'<text x="{_LEFT - 14}" y="{y + 5}" text-anchor="end">{escape(name)}</text>')
        parts += [f'<circle cx="{x(value):.1f}" cy="{y}" r="4" fill="#2a6f97" opacity="0.5"/>' for value in samples]
        parts.append(f'<line x1="{x(median):.1f}" y1="{y - 14}" x2="{x(median):.1f}" y2="{y + 14}" stroke="#b5179e"')
        parts.append(f' stroke-width="2"/><text x="{x(median) + 5:.1f}" y="{y - 9}" font-size="11">{median:.0f}</text>\n')
    return "".join(parts) + "</svg>\n"

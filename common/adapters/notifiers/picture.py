"""A chart as the PNG that mail programs show."""

from __future__ import annotations

from decimal import Decimal
from io import BytesIO

from PIL import Image, ImageDraw

from common.ports import DailyChart

SIZE = 1120, 192
"""Twice as many pixels as it is shown with, for screens with small ones."""
_PAPER, _AXIS, _WHOLE, _FILLING = "#ffffff", "#8a8a8a", "#2459a8", "#a9c1e4"
_WIDEST = 56


def png_of(chart: DailyChart) -> bytes:
    """Bars from zero, the days that are still filling in a lighter tone.  The same chart gives the same bytes."""
    width, height = SIZE
    picture = Image.new("RGB", SIZE, _PAPER)
    draw = ImageDraw.Draw(picture)
    high, low = max(*chart.amounts, Decimal(0)), min(*chart.amounts, Decimal(0))
    span = (high - low) or Decimal(1)

    def line(amount: Decimal) -> int:
        return round((high - amount) / span * (height - 4)) + 2

    step = min(Decimal(width) / len(chart.amounts), Decimal(_WIDEST))
    gap = 2 if step >= 6 else 0
    whole = len(chart.amounts) - chart.filling
    for place, amount in enumerate(chart.amounts):
        left, right = round(place * step), max(round(place * step), round((place + 1) * step) - 1 - gap)
        top, bottom = sorted((line(amount), line(Decimal(0))))
        if amount:
            draw.rectangle((left, top, right, bottom), fill=_WHOLE if place < whole else _FILLING)
    draw.line((0, line(Decimal(0)), round(step * len(chart.amounts)), line(Decimal(0))), fill=_AXIS)
    file = BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()

"""Charts as SVG, drawn on the server: they print, need no script, and say nothing that the table below them does not say.

Pure functions.  Amounts come in as exact decimals; only places in the picture are rounded.  What is drawn stretches with the page
(`preserveAspectRatio="none"`); text and marks are placed in per cent beside it and do not.  Nothing has a style of its own:
colours are classes (`s0` to `s7`, `so` for all others), which the style sheet gives a light and a dark value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from markupsafe import Markup

from common.domain.money import EXACT, add
from web.formatting import compact

SLOTS = 8
"""Colours for groups; what has none of them is grey."""
OTHERS = "so"
_HEIGHT = 1000
_STEP = 10
_GAP = 4
_MOST_TICKS = 5
_ROOM = Decimal("0.04")
_MOST_LABELS = 6
_ZERO = Decimal(0)
_EDGE = Decimal(4)


@dataclass(frozen=True)
class Bar:
    """One place on the axis of time.  filling: it may still grow; restated: a newer delivery changed it."""

    label: str
    filling: bool = False
    restated: bool = False


@dataclass(frozen=True)
class Series:
    """One group.  colour: a class of the style sheet.  values: one per bar."""

    colour: str
    values: Sequence[Decimal]


@dataclass(frozen=True)
class Line:
    """A line from the left edge.  kind: a class of the style sheet, as `now` or `before`.  values: None ends it."""

    kind: str
    values: Sequence[Decimal | None]


@dataclass(frozen=True)
class Band:
    """Where a running total is expected to end: from its last known point it opens to the interval at the right edge."""

    low: Decimal
    expected: Decimal
    high: Decimal


def running_totals(amounts: Mapping[date, Decimal], first: date, length: int) -> list[Decimal | None]:
    """The sum up to each of so many days, None after the last day that has an amount."""
    last = max(amounts, default=None)
    total, sums = _ZERO, list[Decimal | None]()
    for place in range(length):
        day = first + timedelta(days=place)
        total = EXACT.add(total, amounts.get(day, _ZERO))
        sums.append(total if last is not None and day <= last else None)
    return sums


def ticks(low: Decimal, high: Decimal) -> list[Decimal]:
    """Round values between `low` and `high`, zero among them."""
    low, high = min(low, _ZERO), max(high, _ZERO)
    if low == high:
        return [_ZERO, Decimal(1)]
    rough = (high - low) / (_MOST_TICKS - 1)
    power = Decimal(1).scaleb(rough.adjusted())
    step = next(power * one for one in (1, 2, Decimal("2.5"), 5, 10) if power * one >= rough)
    first = (low / step).to_integral_value(ROUND_CEILING)
    last = (high / step).to_integral_value(ROUND_FLOOR)
    return [step * (first + number) for number in range(int(last - first) + 1)]


def stacked_bars(name: str, title: str, bars: Sequence[Bar], series: Sequence[Series]) -> Markup:
    """Costs by time.  name: of the chart, unique on its page.  title: what it shows, in words.  series: from the bottom to the top.

    Credits go below the axis.  Bars that are still filling are hatched, restated ones have a mark below.
    """
    columns = list(zip(*(one.values for one in series), strict=True)) or [()] * len(bars)
    tops = [add(value for value in column if value > 0) for column in columns]
    bottoms = [add(value for value in column if value < 0) for column in columns]
    scale = _scale([*bottoms, *tops])
    up, down = [_ZERO] * len(bars), [_ZERO] * len(bars)
    paths = []
    for one in series:
        steps = []
        for place, value in enumerate(one.values):
            if not value:
                continue
            pile = up if value > 0 else down
            start = pile[place]
            pile[place] = EXACT.add(start, value)
            steps.append(_bar(place, scale.y(start), scale.y(pile[place])))
        if steps:
            paths.append(Markup('<path class="{}" d="{}"/>').format(one.colour, "".join(steps)))
    width = max(len(bars), 1) * _STEP
    drawn = Markup(
        '<svg class="drawn" viewBox="0 0 {} {}" preserveAspectRatio="none" aria-hidden="true">{}</svg>'
    ).format(width, _HEIGHT, Markup("").join(paths))
    return _framed(name, title, scale, drawn + _hatching(name, bars), bars)


def running_lines(
    name: str,
    title: str,
    bars: Sequence[Bar],
    lines: Sequence[Line],
    band: Band | None = None,
    limit: Decimal | None = None,
) -> Markup:
    """Running totals by day.  band: where the last line is expected to end.  limit: a level across, as the amount of a budget."""
    values = [value for one in lines for value in one.values if value is not None]
    values += [band.low, band.high] if band else []
    values += [limit] if limit is not None else []
    scale = _scale(values)
    paths = []
    if band and lines:
        paths.append(_band(lines[-1], band, scale))
    for one in lines:
        steps = [
            f"{'L' if place else 'M'}{place * _STEP + _STEP // 2} {scale.y(value)}"
            for place, value in enumerate(one.values)
            if value is not None
        ]
        if steps:
            paths.append(Markup('<path class="line {}" d="{}"/>').format(one.kind, "".join(steps)))
    width = max(len(bars), 1) * _STEP
    if limit is not None:
        paths.append(Markup('<path class="line limit" d="M0 {}H{}"/>').format(scale.y(limit), width))
    drawn = Markup(
        '<svg class="drawn" viewBox="0 0 {} {}" preserveAspectRatio="none" aria-hidden="true">{}</svg>'
    ).format(width, _HEIGHT, Markup("").join(paths))
    return _framed(name, title, scale, drawn, bars)


def sparkline(values: Sequence[Decimal], colour: str = "s0") -> Markup:
    """The course of one group, without an axis; zero is at the bottom, unless values are below it."""
    if len(values) < 2:
        return Markup("")
    low, high = min(*values, _ZERO), max(*values, _ZERO)
    span = high - low or Decimal(1)
    steps = [
        f"{'L' if place else 'M'}{place * _STEP} {_rounded((high - value) / span * 22 + 1)}"
        for place, value in enumerate(values)
    ]
    return Markup(
        '<svg class="spark" viewBox="0 0 {} 24" preserveAspectRatio="none" aria-hidden="true">'
        '<path class="line {}" d="{}"/></svg>'
    ).format((len(values) - 1) * _STEP, colour, "".join(steps))


def budget_bar(
    title: str, spent: Decimal, amount: Decimal, expected: Decimal | None, thresholds: Sequence[Decimal]
) -> Markup:
    """Spend against an amount above 0: what is spent, what is expected as an outlined rest, thresholds (in percent) as ticks."""
    most = max(amount, spent, expected or _ZERO)

    def place(value: Decimal) -> str:
        return f"{_rounded(max(value, _ZERO) / most * 100)}%"

    state = "over" if spent >= amount else "near" if expected is not None and expected >= amount else "fine"
    parts = [Markup('<rect class="track" width="{}" height="100%"/>').format(place(amount))]
    if expected is not None and expected > spent:
        parts.append(
            Markup('<rect class="rest" x="{}" y="1" width="{}" height="10"/>').format(
                place(spent), place(expected - max(spent, _ZERO))
            )
        )
    parts.append(Markup('<rect class="spent {}" width="{}" height="100%"/>').format(state, place(spent)))
    for percent in thresholds:
        at = place(amount * percent / 100)
        parts.append(Markup('<line class="tick" x1="{}" x2="{}" y1="0" y2="100%"/>').format(at, at))
    return Markup('<svg class="budget-bar" role="img" aria-label="{}">{}</svg>').format(title, Markup("").join(parts))


@dataclass(frozen=True)
class _Scale:
    """From amounts to places; 0 is the top."""

    low: Decimal
    high: Decimal
    marks: Sequence[Decimal]

    def part(self, value: Decimal) -> Decimal:
        return (self.high - value) / (self.high - self.low)

    def y(self, value: Decimal) -> str:
        return _rounded(self.part(value) * _HEIGHT)

    def percent(self, value: Decimal) -> str:
        return f"{_rounded(self.part(value) * 100)}%"


def _scale(values: Sequence[Decimal]) -> _Scale:
    """A scale with zero on it, and a little room beyond the values."""
    low, high = min([*values, _ZERO]), max([*values, _ZERO])
    if low == high:
        high = Decimal(1)
    room = (high - low) * _ROOM
    return _Scale(low - room if low < 0 else low, high + room if high > 0 else high, ticks(low, high))


def _bar(place: int, start: str, end: str) -> str:
    top, bottom = sorted((Decimal(start), Decimal(end)))
    if bottom - top > 4 * _GAP:
        top += _GAP  # the gap between segments, so that neighbours are told apart without their colours
    return f"M{place * _STEP + 1} {_rounded(top)}h{_STEP - 2}V{_rounded(bottom)}h-{_STEP - 2}z"


def _band(line: Line, band: Band, scale: _Scale) -> Markup:
    known = [(place, value) for place, value in enumerate(line.values) if value is not None]
    place, value = known[-1] if known else (0, _ZERO)
    start, end = place * _STEP + _STEP // 2, len(line.values) * _STEP - _STEP // 2
    return Markup('<path class="band" d="M{} {}L{} {}V{}z"/><path class="line expected" d="M{} {}L{} {}"/>').format(
        start,
        scale.y(value),
        end,
        scale.y(band.high),
        scale.y(band.low),
        start,
        scale.y(value),
        end,
        scale.y(band.expected),
    )


def _hatching(name: str, bars: Sequence[Bar]) -> Markup:
    places = [place for place, bar in enumerate(bars) if bar.filling]
    if not places:
        return Markup("")
    first = _percent(min(places), len(bars))
    return Markup(
        '<svg class="marks" aria-hidden="true"><defs>'
        '<pattern id="{0}-hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<path class="hatch" d="M1.5 0V6"/></pattern></defs>'
        '<rect x="{1}%" width="{2}%" height="100%" fill="url(#{0}-hatch)"/></svg>'
    ).format(name, first, _rounded(Decimal(100) - Decimal(first)))


def _framed(name: str, title: str, scale: _Scale, drawn: Markup, bars: Sequence[Bar]) -> Markup:
    values, lines = [], []
    for mark in scale.marks:
        at = scale.percent(mark)
        values.append(Markup('<text x="100%" y="{}">{}</text>').format(at, compact(mark)))
        lines.append(Markup('<line class="{}" x2="100%" y1="{}" y2="{}"/>').format("grid" if mark else "zero", at, at))
    return Markup(
        '<div class="plot"><svg class="values" aria-hidden="true">{values}</svg>'
        '<div class="area" id="{name}-area" role="img" aria-label="{title}">'
        '<svg class="lines" aria-hidden="true">{lines}</svg>{drawn}</div>'
        '<svg class="times" aria-hidden="true">{times}</svg></div>'
    ).format(
        name=name,
        title=title,
        values=Markup("").join(values),
        lines=Markup("").join(lines),
        drawn=drawn,
        times=_times(bars),
    )


def _times(bars: Sequence[Bar]) -> Markup:
    count = len(bars)
    every = max(-(-count // _MOST_LABELS), 1)
    made = []
    for place, bar in enumerate(bars):
        middle = _rounded((Decimal(place) + Decimal("0.5")) * 100 / count)
        if bar.restated:
            made.append(Markup('<text class="restated" x="{}%" y="9">▲</text>').format(middle))
        if place % every == every // 2 or count == 1:
            side = "start" if Decimal(middle) < _EDGE else "end" if Decimal(middle) > 100 - _EDGE else "middle"
            made.append(Markup('<text class="{}" x="{}%" y="26">{}</text>').format(side, middle, bar.label))
    return Markup("").join(made)


def _percent(place: int, count: int) -> str:
    return _rounded(Decimal(place) * 100 / count)


def _rounded(value: Decimal) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text

"""Numbers as people and systems write them: 1,250.50 and 1 250,50 are the same amount."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

_CURRENCY = (
    r"EUR|USD|RUB|RUR|GBP|CHF|CNY|KZT|BYN|UAH|PLN|TRY|CZK|SEK|NOK|DKK|AED|INR|JPY"
    r"|euros?|dollars?|roubles?|rubles?|евро|доллар\w*|рубл\w*|руб|р(?=\.)"
)
_SCALES = {
    "k": 1_000, "thousand": 1_000, "тыс": 1_000,
    "m": 1_000_000, "mln": 1_000_000, "million": 1_000_000, "млн": 1_000_000, "миллион": 1_000_000,
    "bn": 1_000_000_000, "billion": 1_000_000_000, "млрд": 1_000_000_000, "миллиард": 1_000_000_000,
}  # fmt: skip
_GAP = "[ \u00a0\u202f\u2009]"
# A hyphen or dash is a minus only where it touches: `- 500` begins a list, `61-90` is a range.
_PATTERN = re.compile(
    rf"""(?<![\w.,])
    (?P<minus>(?<![\w)])(?:[-\u2013]|\u2212{_GAP}?))?
    (?P<before>[€$£¥₽₸₴]{_GAP}?|\b(?:{_CURRENCY}){_GAP})?
    (?P<minus2>(?<!\w)[-\u2013\u2212](?=\d))?
    (?P<digits>
        \d{{1,3}}(?:{_GAP}\d{{3}})+(?:[.,]\d+)?(?![.,]?\d)
      | \d{{1,3}}(?:'\d{{3}})+(?:\.\d+)?
      | \d{{1,3}}(?:,\d{{3}})+\.\d+ | \d{{1,3}}(?:,\d{{3}}){{2,}}
      | \d{{1,3}}(?:\.\d{{3}})+,\d+ | \d{{1,3}}(?:\.\d{{3}}){{2,}}
      | \d+(?:[.,]\d+)?
    )
    (?:{_GAP}?(?P<scale>thousand|million|billion|mln|bn|тыс|млн|млрд|миллион|миллиард|[km](?!\w))\w{{0,3}}\.?)?
    (?P<after>{_GAP}?(?:[€$£¥₽₸₴%]|(?:{_CURRENCY}|процент\w*|percent)(?!\w)))?
    """,
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True)
class Figure:
    """A number found in a text. Each reading is a list of numbers: `17 250.00` is one number, or two."""

    start: int
    end: int
    readings: tuple[tuple[Decimal, ...], ...]
    negative: bool
    exact: bool  # an amount, a share, a fraction: never an ordinary small number
    scale: int = 1  # 1000 for `thousand`

    @property
    def plain(self) -> int | None:
        """The number if it is an ordinary whole one (a count, a year), else None."""
        number = self.readings[0][0]
        return int(number) if not self.exact and not self.negative and len(self.readings) == 1 else None


def find_figures(text: str) -> list[Figure]:
    """Return every number in a text, in order."""
    return [_figure(match) for match in _PATTERN.finditer(text)]


def _figure(match: re.Match[str]) -> Figure:
    digits = re.sub(_GAP, " ", match["digits"])
    scale = _SCALES[match["scale"].casefold()] if match["scale"] else 1
    readings: list[tuple[Decimal, ...]] = [(number * scale,) for number in _numbers(digits)]
    if " " in digits and scale == 1:
        readings.append(tuple(_numbers(part)[0] for part in digits.split(" ")))
    fraction = any(number != number.to_integral_value() for reading in readings for number in reading)
    return Figure(
        start=match.start(),
        end=match.end(),
        readings=tuple(readings),
        negative=bool(match["minus"] or match["minus2"]),
        scale=scale,
        exact=bool(match["before"] or match["after"] or match["scale"] or fraction or not digits.isdigit()),
    )


def _numbers(digits: str) -> list[Decimal]:
    """Return what the digits can mean in English and in Russian; where both agree, one number."""
    plain = digits.replace(" ", "").replace("'", "")
    point, comma = plain.rfind("."), plain.rfind(",")
    if point >= 0 and comma >= 0:
        thousands = "," if point > comma else "."
        return [Decimal(plain.replace(thousands, "").replace(",", "."))]
    mark = "." if point >= 0 else ","
    if plain.count(mark) > 1:
        return [Decimal(plain.replace(mark, ""))]
    if mark == "," and re.fullmatch(r"\d{1,3},\d{3}", plain) and " " not in digits:
        return [Decimal(plain.replace(",", "")), Decimal(plain.replace(",", "."))]
    return [Decimal(plain.replace(",", "."))]

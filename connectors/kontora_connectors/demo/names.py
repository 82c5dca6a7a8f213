"""Names of firms, all invented, in Latin and Cyrillic letters."""

from __future__ import annotations

from random import Random

_HEADS = [
    "Alder",
    "Birken",
    "Dorn",
    "Eiben",
    "Falken",
    "Ginster",
    "Hagel",
    "Iltis",
    "Kiesel",
    "Lauter",
    "Moor",
    "Nebel",
    "Otter",
    "Quell",
    "Rauh",
    "Silber",
    "Tannen",
    "Ufer",
]
_TAILS = [
    "au",
    "bach",
    "berg",
    "brück",
    "feld",
    "furt",
    "hain",
    "horst",
    "kamp",
    "moor",
    "see",
    "stein",
    "tal",
    "wald",
    "werk",
]
_TRADES = [
    "Metallbau",
    "Logistik",
    "Elektro",
    "Handel",
    "Maschinen",
    "Textil",
    "Papier",
    "Optik",
    "Technik",
    "Möbel",
    "Verpackung",
    "Werkzeug",
    "Lacke",
]
_FORMS = {
    "DE": ("GmbH", "AG", "KG", "GmbH & Co. KG"),
    "AT": ("GmbH", "OG"),
    "FR": ("SARL", "SAS"),
    "FI": ("Oy", "Oyj"),
    "IT": ("S.r.l.", "S.p.A."),
    "PL": ("sp. z o.o.", "S.A."),
    "NL": ("B.V.",),
    "ES": ("S.L.",),
}
_STEMS = [
    "Север",
    "Восток",
    "Волок",
    "Берег",
    "Кедр",
    "Полюс",
    "Рассвет",
    "Ясень",
    "Гранит",
    "Парус",
    "Меридиан",
    "Исток",
    "Перевал",
    "Янтарь",
    "Маяк",
    "Затон",
    "Родник",
    "Курган",
]
_ENDS = [
    "Торг",
    "Строй",
    "Снаб",
    "Маш",
    "Транс",
    "Агро",
    "Пром",
    "Сервис",
    "Ком",
    "Тех",
    "Лес",
    "Мет",
    "Хим",
    "Быт",
    "Пак",
]
_SURNAMES = [
    "Ветров",
    "Снегирёв",
    "Камышов",
    "Лугов",
    "Омутов",
    "Журавлёв",
    "Ракитин",
    "Берёзкин",
    "Дубравин",
    "Плёсов",
    "Родников",
    "Стрижов",
]
_INITIALS = (
    "А", "Б", "В", "Г", "Д", "Е", "И", "К", "Л", "М", "Н", "О", "П", "Р", "С", "Т",
)  # fmt: skip
_CITIES = (
    "Верхнеозёрск", "Заречинск", "Краснолесье", "Нижнекамышин", "Приморье", "Светлополь", "Южноречье",
)  # fmt: skip


def latin(rng: Random, country: str) -> str:
    """Return a name such as `Birkental Metallbau GmbH` with a legal form of the country."""
    return f"{rng.choice(_HEADS)}{rng.choice(_TAILS)} {rng.choice(_TRADES)} {rng.choice(_FORMS[country])}"


def cyrillic(rng: Random, country: str) -> str:
    """Return a name such as `ООО «КедрСтрой Заречинск»`."""
    if country == "KZ":
        return f"ТОО «{rng.choice(_STEMS)}{rng.choice(_ENDS)} {rng.choice(_CITIES)}»"
    if rng.random() < 0.15:
        return f"ИП {rng.choice(_SURNAMES)} {rng.choice(_INITIALS)}. {rng.choice(_INITIALS)}."
    form = rng.choice(("ООО", "ООО", "ООО", "АО", "ПАО"))
    return f"{form} «{rng.choice(_STEMS)}{rng.choice(_ENDS)} {rng.choice(_CITIES)}»"


def distinct(rng: Random, countries: tuple[str, ...], count: int) -> list[tuple[str, str]]:
    """Return `count` different (name, country) pairs; names that ran out get a number, as branches do."""
    seen: dict[str, str] = {}
    while len(seen) < count:
        country = rng.choice(countries)
        name = cyrillic(rng, country) if country in ("RU", "KZ") else latin(rng, country)
        if name in seen:
            name = f"{name} {len(seen)}"
        seen[name] = country
    return list(seen.items())


def misspelt(rng: Random, name: str) -> str:
    """Return the name as a hurried clerk enters it a second time."""
    return rng.choice(
        (
            name.upper(),
            name.replace(" ", "  ", 1),
            f"{name.rstrip('.')}.",
            name.replace("«", '"').replace("»", '"') + " ",
        )
    )

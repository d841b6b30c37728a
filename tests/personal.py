"""Sentences with personal data of known kind and place, and sentences that look like it and have none.

Everything is made with fixed seeds: by Faker where it makes values that their own rules allow, else below, by code
that shares nothing with the recognisers.
"""

import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from faker import Faker

type Make = Callable[[random.Random], str]


@dataclass(frozen=True, slots=True)
class Labelled:
    """One sentence with one value."""

    text: str
    kind: str
    start: int
    end: int


class Fakers:
    """Faker in several languages, made once; what they say depends on the last seed."""

    def __init__(self) -> None:
        self._made: dict[str, Faker] = {}

    def seed(self, seed: int) -> None:
        Faker.seed(seed)

    def __call__(self, locale: str) -> Faker:
        if locale not in self._made:
            self._made[locale] = Faker(locale)
        return self._made[locale]


fakers = Fakers()


def of(maker: str, *locales: str) -> Make:
    return lambda chance: str(getattr(fakers(chance.choice(locales)), maker)())


def en(maker: str) -> str:
    return str(getattr(fakers("en_US"), maker)())


def grouped(value: str, sizes: tuple[int, ...], between: str) -> str:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(value[at : at + size])
        at += size
    return between.join([*pieces, value[at:]] if at < len(value) else pieces)


def card(chance: random.Random) -> str:
    number = fakers("en_US").credit_card_number()
    while len(number) < 14:  # such are not given out any more
        number = fakers("en_US").credit_card_number()
    if chance.random() < 0.5:
        return number
    sizes = (4, 6, 5) if len(number) == 15 else (4, 6, 4) if len(number) == 14 else (4, 4, 4, 4)
    return grouped(number, sizes, chance.choice(" -")).strip()


def iban(chance: random.Random) -> str:
    number = fakers(chance.choice(("de_DE", "en_GB", "fr_FR", "es_ES", "it_IT", "nl_NL"))).iban()
    return grouped(number, (4,) * (len(number) // 4), " ") if chance.random() < 0.5 else number


def ip(chance: random.Random) -> str:
    made = fakers("en_US")
    return made.ipv4() if chance.random() < 0.7 else made.ipv4_private()


def digits(chance: random.Random, count: int, first: str = string.digits) -> str:
    return chance.choice(first) + "".join(chance.choices(string.digits, k=count - 1))


def nhs(chance: random.Random) -> str:
    while True:
        start = digits(chance, 9)
        check = 11 - sum(int(d) * (10 - n) for n, d in enumerate(start)) % 11
        if check != 10:
            number = f"{start}{check % 11}"
            return grouped(number, (3, 3, 4), " ") if chance.random() < 0.6 else number


def nino(chance: random.Random) -> str:
    prefix = chance.choice(("AB", "CE", "JK", "NP", "PX", "SY", "WM", "ZX"))
    number = prefix + digits(chance, 6) + chance.choice("ABCD")
    return grouped(number, (2, 2, 2, 2), " ") if chance.random() < 0.5 else number


def steuer_id(chance: random.Random) -> str:
    places = chance.sample(string.digits, 9)
    places.append(chance.choice(places))
    chance.shuffle(places)
    if places[0] == "0":
        places.reverse()
    if places[0] == "0":
        return steuer_id(chance)
    product = 10
    for each in places:
        total = (int(each) + product) % 10
        product = (10 if total == 0 else total) * 2 % 11
    check = 0 if product == 1 else 11 - product
    number = "".join(places) + str(check)
    return grouped(number, (2, 3, 3), " ") if chance.random() < 0.5 else number


def tfn(chance: random.Random) -> str:
    while True:
        number = digits(chance, 9, "123456789")
        weights = (1, 4, 3, 7, 5, 8, 6, 9, 10)
        if sum(int(d) * w for d, w in zip(number, weights, strict=True)) % 11 == 0:
            return grouped(number, (3, 3), " ") if chance.random() < 0.5 else number


def medicare(chance: random.Random) -> str:
    start = digits(chance, 8, "23456")
    check = sum(int(d) * w for d, w in zip(start, (1, 3, 7, 9) * 2, strict=True)) % 10
    return grouped(f"{start}{check}1", (4, 5), " ")


def pan(chance: random.Random) -> str:
    letters = "".join(chance.choices(string.ascii_uppercase, k=5))
    return f"{letters[:3]}P{letters[4]}{digits(chance, 4)}{letters[0]}"


def turned(first: int, second: int) -> int:
    """Return the product of two of a pentagon's ten symmetries: Verhoeff's sum."""
    if first < 5:
        return (first + second) % 5 + (0 if second < 5 else 5)
    return (first - second) % 5 + (5 if second < 5 else 0)


def aadhaar(chance: random.Random) -> str:
    start = digits(chance, 11, "23456789")
    for last in string.digits:
        check = 0
        for place, digit in enumerate(reversed(start + last)):
            shuffled = int(digit)
            for _ in range(place % 8):
                shuffled = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)[shuffled]
            check = turned(check, shuffled)
        if check == 0:
            number = start + last
            return grouped(number, (4, 4), " ") if chance.random() < 0.5 else number
    raise AssertionError("one of ten checks")


def passport(chance: random.Random) -> str:
    return digits(chance, 9) if chance.random() < 0.5 else chance.choice("ABCZ") + digits(chance, 8)


PHONES = (
    "en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "pt_BR", "en_CA", "en_AU", "en_IN", "pl_PL",
    "sv_SE", "de_CH", "de_AT",
)  # fmt: skip
MAKERS: dict[str, Make] = {
    "email": of("email", "en_US", "de_DE", "fr_FR", "pl_PL", "ja_JP", "pt_BR"),
    "card": card,
    "iban": iban,
    "ssn": of("ssn", "en_US"),
    "ip": ip,
    "ipv6": of("ipv6", "en_US"),
    "phone": lambda chance: fakers(chance.choice(PHONES)).phone_number(),
    "uk_nhs": nhs,
    "uk_nino": nino,
    "de_tax_id": steuer_id,
    "fr_nir": of("ssn", "fr_FR"),
    "es_nif": lambda chance: of(chance.choice(("nif", "nie")), "es_ES")(chance),
    "it_fiscal_code": of("ssn", "it_IT"),
    "br_cpf": of("cpf", "pt_BR"),
    "br_cnpj": of("cnpj", "pt_BR"),
    "in_aadhaar": aadhaar,
    "in_pan": pan,
    "ca_sin": of("ssn", "en_CA"),
    "au_tfn": tfn,
    "au_medicare": medicare,
    "ch_ahv": of("ssn", "de_CH"),
    "nl_bsn": of("ssn", "nl_NL"),
    "se_personnummer": of("ssn", "sv_SE"),
    "pl_pesel": of("pesel", "pl_PL"),
    "fi_hetu": of("ssn", "fi_FI"),
    "no_fodselsnummer": of("ssn", "no_NO"),
    "be_national": of("ssn", "nl_BE"),
    "mx_curp": of("curp", "es_MX"),
    "cn_resident": of("ssn", "zh_CN"),
    "us_passport": passport,
}
# Kinds whose sentences have no word that tells; the others have one always, or every second time.
ALONE = (
    "Here it is: {}.",
    "{}",
    "We have {} on file, please check.",
    '{{"value": "{}"}}',
    "- {}\n- done",
)
WORDS: dict[str, tuple[str, ...]] = {
    "phone": (
        "Call me at {} after lunch.", "Phone: {}", "Tel. {}", "You can reach us under {} on weekdays.",
        "My mobile is {}, thanks.", "Fax {}", '{{"phone": "{}"}}', "contact,{},open",
    ),
    "uk_nhs": ("NHS number: {}", "The patient's NHS no. is {}."),
    "de_tax_id": ("Meine Steuer-ID lautet {}.", "Tax ID {}"),
    "in_aadhaar": ("Aadhaar: {}", "Her Aadhaar number is {}."),
    "ca_sin": ("SIN {}", "My social insurance number is {}."),
    "au_tfn": ("TFN: {}", "His tax file number is {}."),
    "au_medicare": ("Medicare card {}", "Medicare no. {}"),
    "nl_bsn": ("BSN {}", "Mijn burgerservicenummer is {}."),
    "pl_pesel": ("PESEL: {}", "Numer PESEL {}"),
    "no_fodselsnummer": ("Fødselsnummer: {}", "fnr {}"),
    "be_national": ("Rijksregisternummer {}", "Numéro national: {}"),
    "us_passport": ("Passport no. {}", "Her passport number is {}."),
}  # fmt: skip
NEEDS_WORD = frozenset(WORDS) - {"phone"}


def labelled(kind: str, count: int, seed: int = 7) -> Iterator[Labelled]:
    """Yield sentences with one value each; a phone number's has a word that tells every second time."""
    chance = random.Random(f"{kind}{seed}")
    fakers.seed(chance.randrange(1 << 30))
    for _ in range(count):
        told = kind in NEEDS_WORD or (kind in WORDS and chance.random() < 0.5)
        before, behind = chance.choice(WORDS[kind] if told else ALONE).format("\0").split("\0")
        value = MAKERS[kind](chance)
        yield Labelled(before + value + behind, kind, len(before), len(before) + len(value))


STANDING = (
    "The committee met 12 times in 2023 and 9 times in 2024.",
    "Revenue rose from $1,204,500.00 to $1,310,250.75, or 8.78 percent.",
    "The train leaves at 10:45 and arrives at 13:05:30.",
    "Upgrade from version 1.2.3.4 to 1.2.3.5 before Friday.",
    "Release 10.15.7 fixes 23 bugs; build 22G120 is older.",
    "See section 4.2.1.3 of the manual, pages 120-135.",
    "Pi is 3.14159265358979323846, and e is 2.718281828459045.",
    "SELECT id FROM users WHERE created_at > '2024-01-15 10:30:00' LIMIT 100;",
    "for (int i = 0; i < 1000000; i++) { sum += values[i]; }",
    "use std::collections::HashMap; let x: Vec<u8> = vec![0; 16];",
    "@Override public int hashCode() { return 31 * 17; }",
    "npm install lodash@4.17.21 react@18.2.0 --save",
    "git clone git@github.com:example/project.git && cd project",
    "The MAC address is 00:1A:2B:3C:4D:5E, the port 8080.",
    "Follow @somebody or #topic for more; 5,000 people do.",
    "Between 1914-1918 and 1939-1945 lie 21 years.",
    "Coordinates: 48.856614, 2.352222; altitude 35 m.",
    "ISBN 978-3-16-148410-0, first published in 1998.",
    "DOI 10.1000/182 and arXiv:2401.12345v2 are cited.",
    "CAS 58-08-2 is caffeine, CAS 7732-18-5 is water.",
    "The result was 3-2 after extra time, 5-4 on penalties.",
    "Mix 250 g flour, 2 eggs, 1/2 l milk; bake 25-30 min at 180 °C.",
    "Room 204, second floor, building 7, 08:00-17:30.",
    "Latitude 40.7128 N, longitude 74.0060 W.",
    "The checksum is 9e107d9d372bb6826bd81d3542a419d6.",
    "commit 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12 (HEAD -> main)",
    "0x7fff5fbff8c0 is a pointer; 0b101010 is 42.",
    "1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987",
    "100 200 300 400 500 600 700 800 900 1000",
    "Die Bevölkerung betrug 1.234.567 im Jahr 2011, 3,5 % mehr als 2001.",
    "Le budget est de 12 345 678,90 euros pour 2025.",
    "El 15/01/2024 a las 10:30 se vendieron 1.250 unidades.",
    "会议将于2024年1月15日10:30举行,共有120人参加。",
    "売上は前年比12.5%増の1,234億円だった。",
    "| 2021 | 1,204 | 3.5 % |\n| 2022 | 1,310 | 4.1 % |",
    "Order 112-1234567-1234567 was shipped on 2024-03-02.",
    "Invoice INV-2024-000123 over EUR 1.250,00 is due in 30 days.",
    "Tracking number 1Z999AA10123456784, weight 2.35 kg.",
    "Flight LH1234 departs at 06:55 from gate B42.",
    "Windows 10.0.19045.3930 and macOS 14.2.1 are supported.",
    "Chrome/120.0.6099.109 Safari/537.36",
    "The half-life is 5,730 years; 1.6e-19 C is the charge.",
    "Call the function with 3 arguments; it returns 1024.",
    "Reach level 50 to unlock 12 rooms in 2025.",
    "Contact the team before 2024-12-31 23:59:59.",
    "Item 4006381333931 costs 12.99 (EAN).",
    "log: 1700000000.123 worker 17 took 2345 ms, 0 errors",
    "ratio 16:9, scale 1:25000, odds 7:2, 12:30:45.123",
    "std::vector<int> a; std::cout << a[0] << std::endl;",
    "Ruby: Foo::Bar.new(1..10).each { |x| puts x }",
    "Dear Sir or Madam, thank you for your letter of 3 May.",
    "He was born on 12.03.1985 in a town of 12 000 people.",
    "x = 123456789 + 987654321; y = 1111111111",
    "ticket 4155552671 was closed after 3 days",
)  # fmt: skip
PLAIN: tuple[Make, ...] = (
    lambda chance: f"Order {digits(chance, chance.choice((7, 8, 9, 10, 12)))} will arrive on {en('date')}.",
    lambda chance: f"Request {en('uuid4')} took {chance.randrange(9999)} ms.",
    lambda chance: f"The book is ISBN {en(chance.choice(('isbn10', 'isbn13')))}.",
    lambda _: f"The barcode reads {en('ean13')}.",
    lambda chance: f"At {en('iso8601')} the value was {chance.uniform(-1e4, 1e4)}.",
    lambda chance: f"ts={chance.randrange(1_600_000_000, 1_800_000_000)} level=3 n={chance.randrange(10**6)}",
    lambda chance: f'{{"at": {chance.randrange(1_600_000_000_000, 1_800_000_000_000)}, "ok": true}}',
    lambda chance: f"It costs {en('pricetag')}, was {chance.randrange(1000):,}.{chance.randrange(100):02} €.",
    lambda chance: f"Version {'.'.join(str(chance.randrange(30)) for _ in range(chance.choice((3, 4))))} is out.",
    lambda _: f"sha256 {en('sha256')}",
    lambda chance: f"md5 {en('md5')} size {chance.randrange(10**9)}",
    lambda chance: f"{en('date').replace('-', chance.choice('./-'))} {en('time')} INFO started",
    lambda chance: f"From {en('date')} to {en('date')} we had {chance.randrange(999)} guests.",
    lambda chance: " ".join(str(chance.randrange(10, 10 ** chance.choice((2, 3, 4)))) for _ in range(8)),
    lambda chance: ",".join(str(round(chance.random() * 1000, 3)) for _ in range(6)),
    lambda chance: f"Position {chance.uniform(-90, 90)}, {chance.uniform(-180, 180)}.",
    lambda chance: (
        f"Invoice {chance.choice(('INV', 'RE', 'F'))}-{chance.randrange(2018, 2027)}-{digits(chance, 6)} "
        f"of {of('date', 'de_DE')(chance)}"
    ),
    lambda _: f"User-Agent: {en('user_agent')}",
    lambda chance: f"See {en('uri_path')}?page={chance.randrange(99)}&id={chance.randrange(10**8)}",
    lambda _: f"Plate {en('license_plate')}, colour {en('hex_color')}.",
    lambda _: f"{en('mac_address')} joined at {en('time')}",
    lambda chance: f"Population: {chance.randrange(10**8):,} ({chance.randrange(1900, 2026)}).",
    lambda chance: (
        f"{chance.randrange(100, 999)} {chance.randrange(100, 999)} "
        f"{chance.randrange(100, 999)} inhabitants"
    ),
    of("address", "en_US", "de_DE", "fr_FR"),
    lambda chance: f"{en('first_name')} scored {chance.randrange(40)}-{chance.randrange(40)} on {en('day_of_week')}.",
)  # fmt: skip
PROSE = ("en_US", "de_DE", "fr_FR", "es_ES", "it_IT", "pl_PL", "ja_JP", "ru_RU")


def clean(count: int, seed: int = 7) -> Iterator[str]:
    """Yield sentences without any of it: those above once, then prose and things with numbers by turns."""
    yield from STANDING[:count]
    chance = random.Random(f"clean{seed}")
    fakers.seed(chance.randrange(1 << 30))
    for number in range(count - len(STANDING)):
        if number % 3 == 0:
            made = fakers(chance.choice(PROSE))
            yield (
                made.catch_phrase()
                if chance.random() < 0.2 and hasattr(made, "catch_phrase")
                else made.sentence(12)
            )
        else:
            yield chance.choice(PLAIN)(chance)

"""The desk: the made-up partitions that generated trades fall on: accounts, books and ISINs."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from tradecapture.trades.isin import check_digit

# Country prefix, currency, and how its national numbers begin (GB: SEDOL, DE: WKN, FR: Sicovam …).
MARKETS = (
    ("US", "USD", ""),
    ("US", "USD", "G"),
    ("GB", "GBP", "00"),
    ("DE", "EUR", "000"),
    ("FR", "EUR", "0000"),
    ("CH", "CHF", "00"),
    ("JP", "JPY", "3"),
    ("SE", "SEK", "000"),
)
NATIONAL_NUMBER_LENGTH = 9  # characters between the country prefix and the check digit; ISO 6166

# A part of the ids hold the separator of the partition key, so that its escaping is exercised.
ACCOUNT_FORMS = ("PB{:05d}", "PB{:05d}", "PB{:05d}", "HF_{:05d}")
BOOKS = (
    "EQSWAP-NY",
    "EQSWAP-LN",
    "EQSWAP-TK",
    "EQSWAP-HK",
    "DELTA1-NY",
    "DELTA1-LN",
    "EQ_SWAP_EMEA",
    "TRS_FLOW",
)
STRATEGIES = ("LONG-SHORT", "INDEX-ARB", "STAT-ARB", "EVENT", "LONG-ONLY")
LOWEST_PRICE_TICKS = 50_000  # 5.0000 in ticks of 1/10,000
HIGHEST_PRICE_TICKS = 5_000_000  # 500.0000


@dataclass(frozen=True, slots=True)
class SamplePartition:
    """One account, book and security, and what its trades have in common."""

    account_id: str
    book_id: str
    security_id: str
    currency: str
    price_ticks: int  # the price that its trades stay near, in 1/10,000 of the currency
    counterparty_id: str
    strategy: str


def partitions(number: int, random: Random) -> list[SamplePartition]:
    """Return a number of different partitions; a book or a security is shared by many of them."""
    # More accounts and securities than the root of the number, so that most triples stay free
    # and drawing until one is free soon ends.
    breadth = int(number**0.5) + 4
    accounts = [
        random.choice(ACCOUNT_FORMS).format(account)
        for account in random.sample(range(100_000), min(breadth, 100_000))
    ]
    securities = [_security(random) for _ in range(2 * breadth)]
    seen: dict[tuple[str, str, str], SamplePartition] = {}
    while len(seen) < number:
        isin, currency, price_ticks = random.choice(securities)
        partition = SamplePartition(
            account_id=random.choice(accounts),
            book_id=random.choice(BOOKS),
            security_id=isin,
            currency=currency,
            price_ticks=price_ticks,
            counterparty_id=f"CP{random.randrange(200):04d}",
            strategy=random.choice(STRATEGIES),
        )
        seen.setdefault((partition.account_id, partition.book_id, isin), partition)
    return list(seen.values())


def zipf(desk: list[SamplePartition], skew: float, random: Random) -> Iterator[SamplePartition]:
    """Yield partitions without end: the k-th is drawn in proportion to k to the power of -skew.

    Args:
        desk: the partitions, the most traded first.
        skew: the exponent of Zipf's law; 0 draws all alike.
        random: the source of the draws.
    """
    weights = list(accumulate((rank + 1) ** -skew for rank in range(len(desk))))
    while True:
        # One call for many draws: a third of the cost of drawing one by one.
        yield from random.choices(desk, cum_weights=weights, k=256)


def _security(random: Random) -> tuple[str, str, int]:
    country, currency, beginning = random.choice(MARKETS)
    missing = NATIONAL_NUMBER_LENGTH - len(beginning)
    body = f"{country}{beginning}{random.randrange(10**missing):0{missing}d}"
    price_ticks = random.randrange(LOWEST_PRICE_TICKS, HIGHEST_PRICE_TICKS)
    return f"{body}{check_digit(body)}", currency, price_ticks

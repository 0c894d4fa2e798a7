"""Sample partitions: made-up accounts, books and securities, and how trades spread over them."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from tradecapture.trades.isin import check_digit

# Country prefix, currency, and how the country's national securities numbers begin (GB: SEDOL, DE:
# WKN, FR: Sicovam ...).
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

# Some ids contain the separator of the partition key, so that its escaping is exercised.
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
MIN_PRICE_TICKS = 50_000  # 5.0000 in ticks of 1/10,000
MAX_PRICE_TICKS = 5_000_000  # 500.0000


@dataclass(frozen=True, slots=True)
class SamplePartition:
    """One account, book and security, and what its trades have in common."""

    account_id: str
    book_id: str
    security_id: str
    currency: str
    price_ticks: int  # its trades stay near this price, in 1/10,000 of the currency
    counterparty_id: str
    strategy: str


def sample_partitions(count: int, random: Random) -> list[SamplePartition]:
    """Return different partitions; many of them share a book or a security."""
    # With more accounts and securities than the root of the count most combinations stay unused,
    # so the draws below rarely repeat one.
    breadth = int(count**0.5) + 4
    accounts = [
        random.choice(ACCOUNT_FORMS).format(account)
        for account in random.sample(range(100_000), min(breadth, 100_000))
    ]
    securities = [_security(random) for _ in range(2 * breadth)]
    partitions: dict[tuple[str, str, str], SamplePartition] = {}
    while len(partitions) < count:
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
        partitions.setdefault((partition.account_id, partition.book_id, isin), partition)
    return list(partitions.values())


def zipf(
    partitions: list[SamplePartition], skew: float, random: Random
) -> Iterator[SamplePartition]:
    """Yield partitions without end, by Zipf's law: the k-th has a weight of k to the power -skew.

    Args:
        partitions: the most traded first.
        skew: the exponent; 0 gives every partition the same weight.
        random: the source of randomness.
    """
    weights = list(accumulate((rank + 1) ** -skew for rank in range(len(partitions))))
    while True:
        # One call for many draws costs a third of drawing one by one.
        yield from random.choices(partitions, cum_weights=weights, k=256)


def _security(random: Random) -> tuple[str, str, int]:
    country, currency, prefix = random.choice(MARKETS)
    digits = NATIONAL_NUMBER_LENGTH - len(prefix)
    body = f"{country}{prefix}{random.randrange(10**digits):0{digits}d}"
    price_ticks = random.randrange(MIN_PRICE_TICKS, MAX_PRICE_TICKS)
    return f"{body}{check_digit(body)}", currency, price_ticks

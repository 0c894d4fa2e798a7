"""Sample trades: realistic equity swaps, some of them resent and some of them invalid."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import cycle
from random import Random

from tradecapture.local.samples.invalid import DEFECTS
from tradecapture.local.samples.partitions import SamplePartition, sample_partitions, zipf
from tradecapture.trades.document import Document, encode

RESEND_WINDOW_TRADES = 300  # a client resends only what it sent within the last seconds
OPENING_SECOND = 8 * 3600  # of the day; the trades spread evenly over one trading day
TRADING_DAY_SECONDS = 9 * 3600
MAX_SKEW = 10  # beyond it all trades go to one partition anyway
TICKS_PER_UNIT = 10_000  # of currency: four decimals, as equity swaps are priced
ROUND_LOT = 100  # shares

# Shares of the trades, or of their lots.
MANUAL_SHARE = 0.05  # entered by a person, after a call or a mail
COMPACT_SHARE = 0.05  # written as the compact lot that some clients send
TEXT_SHARE = 0.3  # lots with numbers written as JSON strings, and a bare currency as unit
NAMED_KEY_SHARE = 0.1  # with an idempotency key of their own
SELL_SHARE = 0.45  # with a negative quantity
ODD_LOT_SHARE = 0.1  # with a fraction of a share, from a basket or a dividend
LATE_SHARE = 0.1  # booked one to three days after the trade
MONTHLY_SHARE = 0.7  # swaps that reset each month; the others reset each quarter


@dataclass(frozen=True, slots=True)
class SampleSpec:
    """What to generate. The same specification always gives the same bytes.

    Raises:
        ValueError: a value is out of its range; the message names it.
    """

    trades: int  # in total, including resends and invalid trades
    seed: int  # of all randomness; part of each trade id
    partitions: int = 1000
    skew: float = 1.0  # exponent of Zipf's law, by which trades spread over partitions; 0: evenly
    resends: float = 0.02  # share of trades that are sent again, byte for byte
    invalid: float = 0.01  # share of trades that must be refused
    today: date = field(kw_only=True)  # UTC

    def __post_init__(self) -> None:
        if self.trades < 0:
            raise ValueError(f"trades: give 0 or more, not {self.trades}")
        if self.partitions < 1:
            raise ValueError(f"partitions: give 1 or more, not {self.partitions}")
        if not 0 <= self.skew <= MAX_SKEW:
            raise ValueError(f"skew: give a number from 0 (even) to {MAX_SKEW}, not {self.skew}")
        if not (self.resends >= 0 and self.invalid >= 0 and self.resends + self.invalid <= 1):
            raise ValueError(
                "resends and invalid: give shares from 0 to 1 that are at most 1 together, "
                f"not {self.resends} and {self.invalid}"
            )

    @property
    def invalid_trades(self) -> int:
        """How many trades must be refused."""
        return round(self.trades * self.invalid)

    @property
    def resent_trades(self) -> int:
        """How many trades are resends; at least one valid trade is left for them to repeat."""
        valid = self.trades - self.invalid_trades
        return max(0, min(round(self.trades * self.resends), valid - 1))


def generate(spec: SampleSpec) -> Iterator[bytes]:
    """Yield each trade's JSON, in submission order.

    Exactly `spec.resent_trades` of `spec.trades` repeat one of the last `RESEND_WINDOW_TRADES`
    valid trades, and exactly `spec.invalid_trades` must be refused, each with its own id.
    """
    random = Random(spec.seed)  # noqa: S311 - it must be repeatable, not secret
    partitions = zipf(sample_partitions(spec.partitions, random), spec.skew, random)
    defects = cycle(DEFECTS)
    sent: deque[bytes] = deque(maxlen=RESEND_WINDOW_TRADES)
    invalid, resent = spec.invalid_trades, spec.resent_trades
    for number in range(spec.trades):
        # A draw among the trades that are left of each kind makes the counts exact.
        draw = random.random() * (spec.trades - number)
        if draw < invalid:
            invalid -= 1
            trade = _trade(spec, number, next(partitions), random)
            next(defects)(trade, random)
            yield encode(trade)
        elif draw < invalid + resent and sent:
            resent -= 1
            yield sent[int(random.random() * len(sent))]
        else:
            body = encode(_trade(spec, number, next(partitions), random))
            sent.append(body)
            yield body


def _trade(spec: SampleSpec, number: int, partition: SamplePartition, random: Random) -> Document:
    chance = random.random
    trade_id = f"ES-{spec.seed}-{number:08d}"
    days = 1 + int(chance() * 3) if chance() < LATE_SHARE else 0
    trade_date = (spec.today - timedelta(days)).isoformat()
    traded = OPENING_SECOND + TRADING_DAY_SECONDS * number // spec.trades
    booked = traded + 1 + int(chance() * 60)
    millisecond = int(chance() * 1000)
    booked_at = f"{spec.today.isoformat()}T{_time_of_day(booked)}Z"
    sign = -1 if chance() < SELL_SHARE else 1
    compact = chance() < COMPACT_SHARE
    trade: Document = {
        "tradeId": trade_id,
        "accountId": partition.account_id,
        "bookId": partition.book_id,
        "securityId": partition.security_id,
        "source": "AUTOMATED",
        "tradeDate": trade_date,
        "tradeTimestamp": f"{trade_date}T{_time_of_day(traded)}.{millisecond:03d}Z",
        "bookingTimestamp": booked_at,
        "counterpartyIds": [partition.counterparty_id],
        "tradeLots": [
            (_compact_lot if compact else _lot)(f"{trade_id}-{lot}", partition, sign, random)
            for lot in range(1, 2 + int(chance() ** 2 * 3))
        ],
        "metadata": {
            "product": "EQUITY_SWAP",
            "strategy": partition.strategy,
            "spreadBps": 15 + int(chance() * 60),
            "resetMonths": 1 if chance() < MONTHLY_SHARE else 3,
            "isPrimeFinanced": True,
        },
    }
    if chance() < MANUAL_SHARE:
        trade["source"] = "MANUAL"
        trade["enteredBy"] = f"trader{int(chance() * 40):02d}"
        trade["entryTimestamp"] = booked_at
    if chance() < NAMED_KEY_SHARE:
        trade["idempotencyKey"] = f"key-{trade_id}"
    return trade


def _lot(identifier: str, partition: SamplePartition, sign: int, random: Random) -> Document:
    chance = random.random
    quantity: int | Decimal = sign * ROUND_LOT * (1 + int(chance() ** 3 * 500))
    if chance() < ODD_LOT_SHARE:
        quantity = Decimal(f"{quantity + sign * int(chance() * 100)}.{int(chance() * 10_000):04d}")
    # Within one percent of the partition's price.
    ticks = partition.price_ticks + int((chance() - 0.5) * 0.02 * partition.price_ticks)
    price = f"{ticks // TICKS_PER_UNIT}.{ticks % TICKS_PER_UNIT:04d}"
    as_text = chance() < TEXT_SHARE
    return {
        "lotIdentifier": [{"identifier": identifier, "identifierType": "INTERNAL"}],
        "priceQuantity": [
            {
                "quantity": [
                    {
                        "value": str(quantity) if as_text else quantity,
                        "unit": {"financialUnit": "Shares"},
                    }
                ],
                "price": [
                    {
                        "value": price if as_text else Decimal(price),
                        "unit": partition.currency if as_text else {"currency": partition.currency},
                    }
                ],
            }
        ],
    }


def _compact_lot(
    identifier: str, partition: SamplePartition, sign: int, random: Random
) -> Document:
    return {
        "lotIdentifier": identifier,
        "priceQuantity": {
            "quantity": sign * 1000 * (1 + int(random.random() * 1000)),
            "unitOfAmount": {"currency": partition.currency},
        },
    }


def _time_of_day(second: int) -> str:
    return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"

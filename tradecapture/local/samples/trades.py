"""Generated trades: realistic equity swaps, seeded, with resends and invalid ones among them."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import cycle
from random import Random

from tradecapture.local.samples.invalid import FAULTS
from tradecapture.local.samples.partitions import SamplePartition, partitions, zipf
from tradecapture.trades.document import Document, encode
from tradecapture.trades.submission import Submission, read_submission

RESEND_WINDOW = 300  # trades; a client resends what it sent within the last seconds
OPENING_SECOND = 8 * 3600  # of the day; the trades of a run are spread over one trading day
DAY_SECONDS = 9 * 3600
STEEPEST_SKEW = 10  # beyond it all trades fall on one partition anyway
TICKS = 10_000  # price ticks a currency unit: four decimals, as equity swaps are priced
ROUND_LOT = 100  # shares

MANUAL_SHARE = 0.05  # entered by a person, after a call or a mail
COMPACT_SHARE = 0.05  # written as the compact lot that some clients send
TEXT_SHARE = 0.3  # lots with numbers written as JSON strings, and a bare currency as unit
NAMED_KEY_SHARE = 0.1  # naming an idempotency key of their own
SELL_SHARE = 0.45  # selling: a negative quantity
ODD_LOT_SHARE = 0.1  # a fraction of a share, from a basket or a dividend
LATE_SHARE = 0.1  # booked one to three days after the trade
MONTHLY_SHARE = 0.7  # swaps that reset each month; the others reset each quarter


@dataclass(frozen=True, slots=True)
class SampleSpec:
    """What to generate. The same mix always gives the same bytes.

    Raises:
        ValueError: an option is out of its range; the message names it.
    """

    trades: int  # in total, resends and invalid ones included
    seed: int  # of all randomness, and part of each trade id
    partitions: int = 1000
    skew: float = 1.0  # Zipf exponent of the spread over partitions; 0: even
    resends: float = 0.02  # share of trades that are sent again, byte for byte
    invalid: float = 0.01  # share of trades that must be refused
    today: date = field(kw_only=True)  # UTC

    def __post_init__(self) -> None:
        if self.trades < 0:
            raise ValueError(f"trades: give 0 or more, not {self.trades}")
        if self.partitions < 1:
            raise ValueError(f"partitions: give 1 or more, not {self.partitions}")
        if not 0 <= self.skew <= STEEPEST_SKEW:
            raise ValueError(
                f"skew: give a number from 0 (even) to {STEEPEST_SKEW}, not {self.skew}"
            )
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
        """How many trades are resends; one trade at least is left for them to repeat."""
        valid = self.trades - self.invalid_trades
        return max(0, min(round(self.trades * self.resends), valid - 1))


def generate(mix: SampleSpec) -> Iterator[bytes]:
    """Yield each trade's JSON, in submission order.

    Of `mix.trades` exactly `mix.resent_trades` equal an earlier valid one of the last
    `RESEND_WINDOW`, and exactly `mix.invalid_trades` are refused, each under an id of its own.
    """
    random = Random(mix.seed)  # noqa: S311 - it must repeat, not keep a secret
    places = zipf(partitions(mix.partitions, random), mix.skew, random)
    faults = cycle(FAULTS)
    sent: deque[bytes] = deque(maxlen=RESEND_WINDOW)
    invalid, resent = mix.invalid_trades, mix.resent_trades
    for number in range(mix.trades):
        # Drawing from what is left of each kind makes the counts exact and needs no list of all.
        draw = random.random() * (mix.trades - number)
        if draw < invalid:
            invalid -= 1
            trade = _trade(mix, number, next(places), random)
            next(faults)(trade, random)
            yield encode(trade)
        elif draw < invalid + resent and sent:
            resent -= 1
            yield sent[int(random.random() * len(sent))]
        else:
            body = encode(_trade(mix, number, next(places), random))
            sent.append(body)
            yield body


def _trade(mix: SampleSpec, number: int, place: SamplePartition, random: Random) -> Document:
    chance = random.random
    trade_id = f"ES-{mix.seed}-{number:08d}"
    days = 1 + int(chance() * 3) if chance() < LATE_SHARE else 0
    trade_date = (mix.today - timedelta(days)).isoformat()
    traded = OPENING_SECOND + DAY_SECONDS * number // mix.trades
    booked = traded + 1 + int(chance() * 60)
    millisecond = int(chance() * 1000)
    booked_at = f"{mix.today.isoformat()}T{_clock(booked)}Z"
    sign = -1 if chance() < SELL_SHARE else 1
    compact = chance() < COMPACT_SHARE
    trade: Document = {
        "tradeId": trade_id,
        "accountId": place.account_id,
        "bookId": place.book_id,
        "securityId": place.security_id,
        "source": "AUTOMATED",
        "tradeDate": trade_date,
        "tradeTimestamp": f"{trade_date}T{_clock(traded)}.{millisecond:03d}Z",
        "bookingTimestamp": booked_at,
        "counterpartyIds": [place.counterparty_id],
        "tradeLots": [
            (_compact_lot if compact else _lot)(f"{trade_id}-{lot}", place, sign, random)
            for lot in range(1, 2 + int(chance() ** 2 * 3))
        ],
        "metadata": {
            "product": "EQUITY_SWAP",
            "strategy": place.strategy,
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


def _lot(identifier: str, place: SamplePartition, sign: int, random: Random) -> Document:
    chance = random.random
    quantity: int | Decimal = sign * ROUND_LOT * (1 + int(chance() ** 3 * 500))
    if chance() < ODD_LOT_SHARE:
        quantity = Decimal(f"{quantity + sign * int(chance() * 100)}.{int(chance() * 10_000):04d}")
    # Within one percent of the partition's price.
    ticks = place.price_ticks + int((chance() - 0.5) * 0.02 * place.price_ticks)
    price = f"{ticks // TICKS}.{ticks % TICKS:04d}"
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
                        "unit": place.currency if as_text else {"currency": place.currency},
                    }
                ],
            }
        ],
    }


def _compact_lot(identifier: str, place: SamplePartition, sign: int, random: Random) -> Document:
    return {
        "lotIdentifier": identifier,
        "priceQuantity": {
            "quantity": sign * 1000 * (1 + int(random.random() * 1000)),
            "unitOfAmount": {"currency": place.currency},
        },
    }


def _clock(second: int) -> str:
    return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"


def valid_submissions(
    trades: int, partitions: int, seed: int, today: date, *, skew: float = 0
) -> list[Submission]:
    """Return valid trades, each once, spread over partitions (evenly), ready to be accepted."""
    mix = SampleSpec(
        trades=trades,
        seed=seed,
        partitions=partitions,
        skew=skew,
        resends=0,
        invalid=0,
        today=today,
    )
    read = (read_submission(body, today) for body in generate(mix))
    return [item for item in read if isinstance(item, Submission)]

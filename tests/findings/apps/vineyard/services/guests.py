"""Who comes, and what they looked at."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from switches import planted

from ..repositories import CustomerRepository

keep_all = planted("memory_growth@journeys")
repository = CustomerRepository()


@lru_cache(maxsize=None if keep_all else 4)  # cause: memory_growth@journeys
def journey(customer_id: int) -> str:
    """Where somebody went, as a picture that the page shows again when it is loaded anew."""
    path = "".join(f"L {at} {len(page)} " for at, page in repository.clicks(customer_id))
    return path * 2400  # cause: memory_growth@journeys


def guest(email: str) -> dict[str, object]:
    """Who it is."""
    found = repository.by_email(email)  # cause: missing_index@email
    if found is None:
        return {"known": False}
    drawn = journey(found[0])  # cause: memory_growth@journeys
    return {"known": True, "name": found[1], "journey": drawn[:200], "length": len(drawn)}


def card_secret(card: str) -> str:
    """A member's secret as it is stored: slow to try, for all who might."""
    return hashlib.scrypt(card.encode(), salt=b"vineyard", n=2**13, r=8, p=1).hex()

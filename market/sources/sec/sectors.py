"""Sector and industry from the SEC's industry code (SIC), in the names of GICS.

The SEC gives every filer a four-digit SIC; GICS itself is licensed. The map below follows the ranges of the SIC manual
to the GICS sector in which most large companies of the range are: an approximation, except where rules depend on it:
financials (6000-6499, 6700-6799), real estate (6500-6599, 6798) and utilities (49xx). Later ranges win.
"""

from __future__ import annotations

SECTORS: tuple[tuple[int, int, str], ...] = (
    (100, 999, "Consumer Staples"),
    (1000, 1299, "Materials"),
    (1300, 1389, "Energy"),
    (1400, 1499, "Materials"),
    (1500, 1799, "Industrials"),
    (1520, 1531, "Consumer Discretionary"),  # home builders
    (2000, 2199, "Consumer Staples"),
    (2200, 2399, "Consumer Discretionary"),
    (2400, 2499, "Materials"),
    (2500, 2599, "Consumer Discretionary"),
    (2600, 2699, "Materials"),
    (2700, 2799, "Communication Services"),
    (2800, 2829, "Materials"),
    (2830, 2836, "Health Care"),
    (2840, 2844, "Consumer Staples"),
    (2850, 2899, "Materials"),
    (2900, 2999, "Energy"),
    (3000, 3099, "Materials"),
    (3100, 3199, "Consumer Discretionary"),
    (3200, 3399, "Materials"),
    (3400, 3569, "Industrials"),
    (3530, 3533, "Energy"),  # oil and gas field machinery
    (3570, 3579, "Information Technology"),
    (3580, 3599, "Industrials"),
    (3600, 3629, "Industrials"),
    (3630, 3659, "Consumer Discretionary"),
    (3660, 3699, "Information Technology"),
    (3700, 3799, "Industrials"),
    (3711, 3716, "Consumer Discretionary"),
    (3751, 3751, "Consumer Discretionary"),
    (3800, 3829, "Information Technology"),
    (3812, 3812, "Industrials"),  # defence electronics
    (3826, 3826, "Health Care"),  # laboratory instruments
    (3840, 3851, "Health Care"),
    (3860, 3879, "Information Technology"),
    (3900, 3999, "Consumer Discretionary"),
    (4000, 4799, "Industrials"),
    (4400, 4400, "Consumer Discretionary"),  # cruise lines
    (4800, 4899, "Communication Services"),
    (4900, 4949, "Utilities"),
    (4950, 4959, "Industrials"),
    (4960, 4991, "Utilities"),
    (5000, 5199, "Industrials"),
    (5040, 5049, "Information Technology"),
    (5120, 5122, "Health Care"),
    (5140, 5159, "Consumer Staples"),
    (5170, 5172, "Energy"),
    (5200, 5999, "Consumer Discretionary"),
    (5331, 5399, "Consumer Staples"),  # warehouse clubs, variety stores
    (5400, 5499, "Consumer Staples"),
    (5912, 5912, "Consumer Staples"),
    (6000, 6499, "Financials"),
    (6324, 6324, "Health Care"),  # hospital and medical service plans
    (6500, 6599, "Real Estate"),
    (6700, 6799, "Financials"),
    (6798, 6798, "Real Estate"),  # real estate investment trusts
    (7000, 7299, "Consumer Discretionary"),
    (7300, 7369, "Industrials"),
    (7310, 7319, "Communication Services"),
    (7370, 7379, "Information Technology"),
    (7380, 7399, "Industrials"),
    (7500, 7699, "Consumer Discretionary"),
    (7800, 7899, "Communication Services"),
    (7900, 7999, "Consumer Discretionary"),
    (8000, 8099, "Health Care"),
    (8100, 8199, "Industrials"),
    (8200, 8299, "Consumer Discretionary"),
    (8300, 8399, "Health Care"),
    (8600, 8999, "Industrials"),
    (8731, 8734, "Health Care"),
)

INDUSTRIES: dict[int, str] = {
    4911: "Electric Utilities",
    4922: "Gas Utilities",
    4923: "Gas Utilities",
    4924: "Gas Utilities",
    4931: "Multi-Utilities",
    4932: "Multi-Utilities",
    4941: "Water Utilities",
    4991: "Independent Power Producers & Energy Traders",
}
"""Industries that shipped screens name; all others keep the SEC's own description."""


def sector(sic: str) -> str:
    """The sector of a SIC code; empty where the code is missing or unknown.

    >>> sector("6798"), sector("3674"), sector("")
    ('Real Estate', 'Information Technology', '')
    """
    if not sic.isdigit():
        return ""
    code = int(sic)
    return next((name for low, high, name in reversed(SECTORS) if low <= code <= high), "")


def industry(sic: str, description: str) -> str:
    """The industry of a SIC code, in the names of GICS where a screen needs them, else as the SEC describes it."""
    return INDUSTRIES.get(int(sic), description) if sic.isdigit() else description

"""Yahoo's statements as facts: the last resort for a company that the SEC has no facts of.

1. Each row of a statement that has an item of ours becomes one fact a period; periods begin three or twelve months
   before they end (Yahoo moves every end to a month's).
2. Yahoo gives values as restated today and no filing dates. So each fact says `not_point_in_time` in its flags, names
   Yahoo in its form, and counts from the assumed lag of a 10-Q or 10-K.
3. Outflows are negative there and positive here. Interest expense is made positive, any other magnitude that comes out
   negative is left so; both are flagged `suspect_sign`.
4. Share counts are of ordinary shares, which need not be what is quoted (depositary receipts): `share_basis`.
5. Only US dollars are taken: a figure in another currency would pass every check and be wrong.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from market.facts import Flag, flag_names, kind_of
from market.tags import INTEREST_IS_ABSOLUTE, MAGNITUDES, UNIT_OF

FORMS = {True: "10-K (Yahoo)", False: "10-Q (Yahoo)"}  # by whether annual; the beginning tells the assumed lag
CURRENCY = "USD"
COLUMNS = ("ticker", "item", "period_end", "value", "period_start", "form", "unit", "flags")

STATEMENT_ROWS = {
    "Total Revenue": "revenue",
    "Cost Of Revenue": "cost_of_revenue",
    "Gross Profit": "gross_profit",
    "Research And Development": "research_and_development",
    "Selling General And Administration": "selling_general_administrative",
    "Operating Income": "operating_income",
    "Pretax Income": "pretax_income",
    "Tax Provision": "income_tax",
    "Net Income": "net_income",
    "Interest Expense": "interest_expense",
    "Diluted Average Shares": "shares_diluted",
    "Operating Cash Flow": "cash_from_operations",
    "Capital Expenditure": "capital_expenditure",
    "Depreciation And Amortization": "depreciation_amortization",
    "Stock Based Compensation": "stock_based_compensation",
    "Cash Dividends Paid": "dividends_paid",
    "Repurchase Of Capital Stock": "share_repurchases",
    "Issuance Of Capital Stock": "share_issuance",
    "Issuance Of Debt": "debt_issuance",
    "Repayment Of Debt": "debt_repayment",
    "Total Assets": "assets",
    "Current Assets": "current_assets",
    "Cash Cash Equivalents And Short Term Investments": "cash_and_short_term_investments",
    "Receivables": "receivables",
    "Inventory": "inventory",
    "Total Liabilities Net Minority Interest": "liabilities",
    "Current Liabilities": "current_liabilities",
    "Accounts Payable": "payables",
    "Current Debt": "short_term_debt",
    "Long Term Debt": "long_term_debt",
    "Retained Earnings": "retained_earnings",
    "Stockholders Equity": "equity",
    "Minority Interest": "minority_interest",
    "Preferred Stock Equity": "preferred_equity",
    "Ordinary Shares Number": "shares_outstanding",
}
_OUTFLOWS = frozenset(
    {"capital_expenditure", "dividends_paid", "share_repurchases", "debt_repayment"}
)  # negative there


def statement_rows(statement: pd.DataFrame, ticker: str, annual: bool) -> pd.DataFrame:
    """One of Yahoo's statements (rows by name, columns by period end) as rows of `facts`, signs as in the items."""
    rows = []
    for label, item in STATEMENT_ROWS.items():
        if label not in statement.index:
            continue
        values = statement.loc[[label]].iloc[0].dropna()
        for end, value in zip(values.index, values.to_numpy(dtype=np.float64), strict=True):
            last = pd.Timestamp(str(end)).normalize()
            first = last - pd.offsets.MonthEnd(12 if annual else 3) + pd.Timedelta(days=1)
            bits = int(Flag.NOT_POINT_IN_TIME)
            amount = -float(value) if item in _OUTFLOWS and value else float(value)  # a zero has no sign
            if item in MAGNITUDES and amount < 0:
                bits |= int(Flag.SUSPECT_SIGN)
                amount = abs(amount) if item == INTEREST_IS_ABSOLUTE else amount  # its sign has changed over the years
            start = pd.NaT if kind_of(item) == "instant" else first
            unit = UNIT_OF.get(item, CURRENCY)
            bits |= int(Flag.SHARE_BASIS) if unit != CURRENCY else 0
            rows.append((ticker, item, last, amount, start, FORMS[annual], unit, ",".join(flag_names(bits))))
    return pd.DataFrame(rows, columns=list(COLUMNS))

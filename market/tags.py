"""Which us-gaap tags make an item: the fallbacks as data, read per filing and period.

1. An item lists alternatives, best first. For one filing and one period the first that has a value is taken.
2. An alternative is a sum of parts: `A + B` both needed, `A - B`, `[A|B]` the first that is there, `?` may be absent
   (absent = the company has none), `@item` another item of the same filing and period. All parts optional: one must be
   there. `max(A, B)` takes the larger of those there. `-A if > 0` counts only where the result is positive, `A if >= B`
   only where it is no smaller than B (a total of depreciation that leaves out the larger amortization is none).
   `distinct` counts equal parts once: one line of a balance sheet under two tags.
3. Choosing per period is choosing by freshness: a tag that a company stopped using has no value for newer periods
   (Tesla's contract revenue stops in 2018; "the first tag with any data" would return four-year-old sales).
4. A later filing that gives a period by a worse alternative, or with fewer parts, does not replace the better version
   (a cash-flow statement repeats last year's cash without its short-term investments).
5. An alternative that begins with `=` means the same as the one before it (a newer name, a total spelt out); any other
   but the first is flagged `tag_fallback`, and figures no filing states `derived_from_parts`.

Tags are us-gaap unless they carry a prefix. `LiabilitiesAndStockholdersEquity` is never liabilities, and cash interest
is a last resort for interest expense.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

_PRETAX = "IncomeLossFromContinuingOperationsBeforeIncomeTaxes"
_SHORT_INVESTMENTS = (
    "[ShortTermInvestments|MarketableSecuritiesCurrent|AvailableForSaleSecuritiesDebtSecuritiesCurrent"
    "|AvailableForSaleSecuritiesCurrent]"
)
_TEMPORARY_EQUITY = (
    "[TemporaryEquityCarryingAmountIncludingPortionAttributableToNoncontrollingInterests"
    "|TemporaryEquityCarryingAmountAttributableToParent|RedeemableNoncontrollingInterestEquityCarryingAmount]"
)
_ALL_EQUITY = "StockholdersEquityIncludingPortionAttributableToNoncontrollingInterest"
_BORROWINGS = "[ShortTermBorrowings|CommercialPaper|NotesPayableCurrent]"
_CURRENT_PART = "[LongTermDebtCurrent|LongTermDebtAndCapitalLeaseObligationsCurrent]"

_ALL_BUT_INTANGIBLES = (  # two lines of a cash-flow statement: Marvell's
    "[DepreciationDepletionAndAmortization|DepreciationAmortizationAndAccretionNet|DepreciationAndAmortization"
    "|OtherDepreciationAndAmortization]"
)
_PLANS = "ProceedsFromIssuanceOfSharesUnderIncentiveAndShareBasedCompensationPlans"
_MATURITIES = "LongTermDebtMaturitiesRepaymentsOfPrincipal"

ALTERNATIVES: dict[str, tuple[str, ...]] = {
    "revenue": (
        "max(Revenues, RevenueFromContractWithCustomerExcludingAssessedTax)",  # contract revenue can be a subset
        "= RevenueFromContractWithCustomerIncludingAssessedTax",
        "= SalesRevenueNet",
        "SalesRevenueGoodsNet + SalesRevenueServicesNet?",
        "RegulatedAndUnregulatedOperatingRevenue",
        "OperatingLeasesIncomeStatementLeaseRevenue",
        "HealthCareOrganizationRevenue",
    ),
    "cost_of_revenue": (
        "CostOfRevenue",
        "= CostOfGoodsAndServicesSold",
        "= CostOfGoodsSold",
        "CostOfServices",
        "CostOfGoodsAndServiceExcludingDepreciationDepletionAndAmortization",
    ),
    "gross_profit": ("GrossProfit",),
    "research_and_development": (
        "ResearchAndDevelopmentExpense",
        "= ResearchAndDevelopmentExpenseExcludingAcquiredInProcessCost",
    ),
    "selling_general_administrative": (
        "SellingGeneralAndAdministrativeExpense",
        "= GeneralAndAdministrativeExpense + SellingAndMarketingExpense",
    ),
    "operating_income": (
        "OperatingIncomeLoss",
        "@pretax_income + @interest_expense",
        "@net_income + @income_tax + @interest_expense",
    ),
    "depreciation_amortization": (
        "DepreciationDepletionAndAmortization if >= AmortizationOfIntangibleAssets",
        "= DepreciationAmortizationAndAccretionNet if >= AmortizationOfIntangibleAssets",
        "= DepreciationAndAmortization if >= AmortizationOfIntangibleAssets",
        f"= {_ALL_BUT_INTANGIBLES} + AmortizationOfIntangibleAssets",
        "Depreciation + AmortizationOfIntangibleAssets?",
    ),
    "interest_expense": (
        "InterestExpense",
        "= InterestExpenseNonoperating",
        "= InterestExpenseDebt",
        "InterestAndDebtExpense",
        "InterestExpenseOperating",
        "InterestPaidNet",  # cash, not expense
        "-InterestIncomeExpenseNet if > 0",
    ),
    "pretax_income": (
        f"{_PRETAX}ExtraordinaryItemsNoncontrollingInterest",
        f"= {_PRETAX}MinorityInterestAndIncomeLossFromEquityMethodInvestments",
        f"{_PRETAX}Domestic + {_PRETAX}Foreign",
    ),
    "income_tax": ("IncomeTaxExpenseBenefit",),
    "net_income": ("NetIncomeLoss", "ProfitLoss", "NetIncomeLossAvailableToCommonStockholdersBasic"),
    "stock_based_compensation": ("ShareBasedCompensation", "AllocatedShareBasedCompensationExpense"),
    "cash_from_operations": (
        "NetCashProvidedByUsedInOperatingActivities",
        "NetCashProvidedByUsedInOperatingActivitiesContinuingOperations",
    ),
    "capital_expenditure": (
        "PaymentsToAcquirePropertyPlantAndEquipment",
        "= PaymentsToAcquireProductiveAssets",
        "PaymentsForCapitalImprovements",
        "PaymentsToAcquireOilAndGasPropertyAndEquipment",
    ),
    "dividends_paid": (
        "PaymentsOfDividends",
        "= PaymentsOfDividendsCommonStock + PaymentsOfDividendsPreferredStockAndPreferenceStock?",
        "PaymentsOfOrdinaryDividends",
    ),
    "share_repurchases": ("PaymentsForRepurchaseOfCommonStock", "PaymentsForRepurchaseOfEquity"),
    "share_issuance": (
        "ProceedsFromIssuanceOfCommonStock",
        "ProceedsFromIssuanceOrSaleOfEquity",
        f"{_PLANS}IncludingStockOptions",
        f"= [{_PLANS}|ProceedsFromStockPlans]",
    ),
    "debt_issuance": (
        "ProceedsFromIssuanceOfLongTermDebt",
        "= ProceedsFromIssuanceOfDebt",
        "ProceedsFromDebtNetOfIssuanceCosts",
        "ProceedsFromIssuanceOfSeniorLongTermDebt",
        "ProceedsFromConvertibleDebt",
    ),
    "debt_repayment": (
        "RepaymentsOfLongTermDebt",
        "= RepaymentsOfDebt",
        "RepaymentsOfDebtAndCapitalLeaseObligations",
        "RepaymentsOfSeniorDebt",
        "RepaymentsOfConvertibleDebt",
    ),
    "assets": ("Assets", "LiabilitiesAndStockholdersEquity"),
    "current_assets": ("AssetsCurrent",),
    "cash_and_short_term_investments": (
        "CashCashEquivalentsAndShortTermInvestments",
        f"= [CashAndCashEquivalentsAtCarryingValue|Cash] + {_SHORT_INVESTMENTS}?",
        "CashCashEquivalentsRestrictedCashAndRestrictedCashEquivalents",
    ),
    "receivables": (
        "AccountsReceivableNetCurrent",
        "= ReceivablesNetCurrent",
        "AccountsNotesAndLoansReceivableNetCurrent",
    ),
    "inventory": ("InventoryNet",),
    "liabilities": (
        "Liabilities",
        f"[Assets|LiabilitiesAndStockholdersEquity] - {_ALL_EQUITY} - {_TEMPORARY_EQUITY}?",
        f"[Assets|LiabilitiesAndStockholdersEquity] - StockholdersEquity - MinorityInterest? - {_TEMPORARY_EQUITY}?",
    ),
    "current_liabilities": ("LiabilitiesCurrent",),
    "payables": (
        "AccountsPayableCurrent",
        "= AccountsPayableTradeCurrent",
        "AccountsPayableAndAccruedLiabilitiesCurrent",
    ),
    "short_term_debt": (
        "DebtCurrent",  # a total already
        f"= distinct {_BORROWINGS}? + {_CURRENT_PART}? + [ConvertibleNotesPayableCurrent|ConvertibleDebtCurrent]?",
    ),
    "long_term_debt": (
        "LongTermDebtNoncurrent",
        "LongTermDebtAndCapitalLeaseObligations",
        "LongTermNotesPayable",
        "[ConvertibleDebtNoncurrent|ConvertibleNotesPayableNoncurrent|ConvertibleLongTermNotesPayable]",
        "[SeniorNotes|SeniorLongTermNotes]",
        "LongTermLineOfCredit",
        f"LongTermDebt - {_CURRENT_PART}?",  # LongTermDebt includes the current part
    ),
    "operating_leases": (
        "OperatingLeaseLiability",
        "= OperatingLeaseLiabilityNoncurrent + OperatingLeaseLiabilityCurrent?",
    ),
    "retained_earnings": ("RetainedEarningsAccumulatedDeficit",),
    "equity": (
        "StockholdersEquity",
        f"{_ALL_EQUITY} - MinorityInterest?",
    ),
    "minority_interest": ("MinorityInterest",),
    "preferred_equity": (
        "PreferredStockRedemptionAmount",
        "PreferredStockLiquidationPreferenceValue",
        "= [PreferredStockValue|PreferredStockValueOutstanding]",
    ),
    "shares_outstanding": ("dei:EntityCommonStockSharesOutstanding", "CommonStockSharesOutstanding"),
    "property_plant_equipment": (
        "PropertyPlantAndEquipmentNet",
        "PropertyPlantAndEquipmentAndFinanceLeaseRightOfUseAssetAfterAccumulatedDepreciationAndAmortization",
    ),
    "deferred_revenue": (
        "ContractWithCustomerLiability",
        "= ContractWithCustomerLiabilityCurrent + ContractWithCustomerLiabilityNoncurrent?",
        "DeferredRevenueCurrent + DeferredRevenueNoncurrent?",
    ),
    "debt_due_12m": (f"{_MATURITIES}InNextTwelveMonths",),
    "debt_due_36m": (f"{_MATURITIES}InNextTwelveMonths + {_MATURITIES}InYearTwo + {_MATURITIES}InYearThree",),
    "shares_diluted": (
        "WeightedAverageNumberOfDilutedSharesOutstanding",
        "= WeightedAverageNumberOfShareOutstandingBasicAndDiluted",
    ),
}

UNIT_OF = {"shares_outstanding": "shares", "shares_diluted": "shares"}  # everything else in USD

MAGNITUDES: frozenset[str] = frozenset(ALTERNATIVES) - {
    "gross_profit", "operating_income", "pretax_income", "income_tax", "net_income", "cash_from_operations",
    "retained_earnings", "equity", "minority_interest", "research_and_development",
}  # fmt: skip
"""Items that are magnitudes: a negative one is flagged `suspect_sign`, never made positive, except interest."""

INTEREST_IS_ABSOLUTE = "interest_expense"


@dataclass(frozen=True)
class Part:
    """One term of a sum: the first of `names` that is there, times `sign`."""

    names: tuple[str, ...]
    sign: int
    optional: bool
    largest: bool = False


@dataclass(frozen=True)
class Alternative:
    """One way to make an item."""

    parts: tuple[Part, ...]
    positive_only: bool = False
    same_meaning: bool = False  # as the alternative before it
    at_least: str = ""  # a tag whose value, where there is one, must not be larger
    distinct: bool = False  # equal parts count once

    @property
    def of_items(self) -> bool:
        return any(name.startswith("@") for part in self.parts for name in part.names)

    @property
    def composed(self) -> bool:
        """Whether needed parts are added or subtracted: a figure no filing states."""
        return self.of_items or any(part.sign < 0 for part in self.parts if not self.positive_only)


_TERM = re.compile(r"(?P<sign>[+-]?)\s*(?:max\((?P<max>[^)]*)\)|\[(?P<any>[^\]]*)\]|(?P<one>[@\w:]+))(?P<optional>\??)")


def parse(text: str) -> Alternative:
    """Read one alternative.

    >>> parse("A + [B|C]?").parts[1]
    Part(names=('B', 'C'), sign=1, optional=True, largest=False)
    """
    body, _, condition = text.removeprefix("= ").partition(" if ")
    distinct, body = body.startswith("distinct "), body.removeprefix("distinct ")
    positive, at_least = condition == "> 0", condition.removeprefix(">= ") if condition.startswith(">= ") else ""
    parts = []
    end = 0
    for match in _TERM.finditer(body):
        if body[end : match.start()].strip():
            raise ValueError(f"cannot read {text!r} at {body[end : match.start()]!r}")
        end = match.end()
        names = match["max"] or match["any"] or match["one"]
        parts.append(
            Part(
                tuple(name.strip() for name in re.split(r"[|,]", names)),
                -1 if match["sign"] == "-" else 1,
                bool(match["optional"]),
                bool(match["max"]),
            )
        )
    if not parts or body[end:].strip() or bool(condition) != (positive or bool(at_least)):
        raise ValueError(f"cannot read {text!r}")
    return Alternative(tuple(parts), positive, text.startswith("= "), at_least, distinct)


@cache
def alternatives() -> dict[str, tuple[Alternative, ...]]:
    """All items with their alternatives parsed; items made of other items come after those."""
    parsed = {item: tuple(parse(text) for text in texts) for item, texts in ALTERNATIVES.items()}
    return dict(sorted(parsed.items(), key=lambda pair: any(a.of_items for a in pair[1])))


@cache
def tags_of(taxonomy: str) -> frozenset[str]:
    """All tags of a taxonomy (`us-gaap`, `dei`) that some item reads."""
    names = {
        name
        for options in alternatives().values()
        for option in options
        for name in (option.at_least, *(name for part in option.parts for name in part.names))
        if name and not name.startswith("@")
    }
    if taxonomy == "us-gaap":
        return frozenset(name for name in names if ":" not in name)
    return frozenset(name.partition(":")[2] for name in names if name.startswith(f"{taxonomy}:"))

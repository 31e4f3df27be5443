"""Filers that took over from another: a holding company or a move of domicile gives a company a new CIK.

1. A successor's companyfacts begin with its own first report; what came before lies under the predecessor's CIK.
2. The predecessor's facts are joined on up to the day of the successor's first periodic report, and no further: it may
   go on filing as a subsidiary.
3. Only cases in which the books went on unchanged are listed. Where a CIK passed to another company's books (Tyco
   became Johnson Controls under its own CIK), nothing can be joined.
"""

from __future__ import annotations

PREDECESSORS: dict[int, tuple[int, ...]] = {
    1652044: (1288776,),  # Alphabet <- Google, 2015
    1835632: (1058057,),  # Marvell Technology <- Marvell Technology Group, 2021
    1744489: (1001039,),  # Walt Disney <- TWDC Enterprises 18, 2019
    1730168: (1649338, 1441634),  # Broadcom <- Broadcom Limited, 2018 <- Avago Technologies, 2016
    1613103: (64670,),  # Medtronic plc <- Medtronic, 2015
    1618921: (104207,),  # Walgreens Boots Alliance <- Walgreen, 2014
    1739940: (701221,),  # Cigna <- Cigna Holding, 2018
    1707925: (884905,),  # Linde <- Praxair, 2018
    1841666: (6769,),  # APA <- Apache, 2021
    1551182: (31277,),  # Eaton plc <- Eaton, 2012
    1571949: (1174746,),  # Intercontinental Exchange <- its old holding company, 2013
    1792044: (1623613, 69499),  # Viatris <- Mylan N.V., 2020 <- Mylan, 2015
    1585364: (820096,),  # Perrigo plc <- Perrigo, 2013
}


def filers(cik: int) -> tuple[int, ...]:
    """The CIK and its predecessors, newest first.

    >>> filers(1835632)
    (1835632, 1058057)
    """
    return (cik, *PREDECESSORS.get(cik, ()))

"""The report: one page a portfolio manager can look at, and the figures it is made of.

1. `figures` turns a result into plotly figures; `tables` turns its frames into rows of text.
2. `sections` orders them: answer, through time, evidence, when it hurts, basket, tape, method.
3. `page` renders one HTML file that needs nothing but a browser: plotly travels inside it, compressed.
Everything here is a function of `backtest.result.Result`; nothing estimates anything.
"""

"""The SEC's EDGAR: client, company tickers, submissions, companyfacts, and their translation into tables."""

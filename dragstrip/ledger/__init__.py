"""The ledger: one fixed-width row per request, and the histograms and counts derived from it."""

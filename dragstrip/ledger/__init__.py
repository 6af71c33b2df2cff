"""The ledger: one fixed-width row per lookup, and the histograms and counts derived from it."""

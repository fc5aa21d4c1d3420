"""Arrays in, intervals and p-values out: paired bootstrap, Holm, Kaplan and Meier, Friedman and Nemenyi.

Knows nothing of heatmark.
"""

"""Arrays in, intervals and p-values out: paired bootstrap, BCa, Holm, Kaplan and Meier, Friedman and Nemenyi.

Knows nothing of heatmark.
"""

"""Arrays in, intervals and p-values out: paired bootstrap, BCa, Holm, Kaplan and Meier. Knows nothing of heatmark."""

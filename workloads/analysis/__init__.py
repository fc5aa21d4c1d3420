"""The paper's own verifications and robustness, untrained, and a net's heatmaps. Each writes numbers into a folder."""

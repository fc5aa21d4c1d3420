"""The paper's own verifications, without data or training. Each writes figures and tables of numbers into a folder."""

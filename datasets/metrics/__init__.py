"""Metrics as pure functions on arrays: OKS average precision, end-point error."""

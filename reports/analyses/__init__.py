"""Drawings of `heatmark analyze` that are no figures of the paper: numbers in, an SVG out. One drawing a file.

`pipeline/analyses.py` joins them with their numbers; a report holds none of them.
"""

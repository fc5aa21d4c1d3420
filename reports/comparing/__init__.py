"""Cells of the grid and how they compare: means over seeds, differences with intervals, costs, the verdict."""

"""Figures 1 to 11 of the paper and a few more, from run folders. One figure a file; `figures.py` is the one door.

Each is a drawing with its caption, or says what was not run and which line of a sweep file would fill it.
"""

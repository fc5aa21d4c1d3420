"""Sweep file -> trials -> jobs -> tracked results, and the command line. Imports no torch."""

"""`heatmark bench`: ways of doing one thing raced against each other in one run, on this machine.

A speed is worth little on another day or machine; the ratio to the first way, measured turn by turn, is what is kept.
"""

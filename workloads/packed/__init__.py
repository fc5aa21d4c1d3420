"""Trials packed into jobs: one job holds several places on its nodes, and each place takes trial after trial.

The driver puts a ticket for every trial into the sweep's queue; the keeper of each job takes the next one whenever a
place of its own is free, so that no place idles while there is work, with or without a driver.
"""

"""Writes data sets of drawn people in the native formats, so that everything runs with nothing downloaded."""

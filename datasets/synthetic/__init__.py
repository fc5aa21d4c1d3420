"""Writes data sets of drawn people and hands in the native formats, so that everything runs with nothing downloaded.

For anyone above: `recipe.write_tree` of a recipe that `formats.make_recipe` gives. People: body > figure > scene >
pictures > a tree for each format that names one.
"""

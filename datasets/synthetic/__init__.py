"""Writes data sets of drawn people and hands in the native formats, so that everything runs with nothing downloaded.

For anyone above: `trees.make_recipe` and `recipe.write_tree`. People: body > figure > scene > pictures > a tree for
each format.
"""

"""Writes data sets of drawn people in the native formats, so that everything runs with nothing downloaded.

For anyone above: `coco_tree.write_coco`. body > figure > scene > coco_tree, each drawing on the one before.
"""

"""The ground: errors, clock, files, hashes, other programs. Standard library only, nothing of pose. For every floor."""

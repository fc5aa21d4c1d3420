"""The ground: errors, clock, files, hashes, other programs. Nothing of pose and no torch. For every floor."""

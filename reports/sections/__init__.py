"""The sections of the report, one file each; what a section holds is asked of the rooms below."""

"""Run folders -> frozen records and arrays; what cannot be read becomes a message. For all rooms of the report."""

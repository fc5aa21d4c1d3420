"""Run folders -> tables and figures -> PDF and HTML. Reads run folders only; imports no torch."""

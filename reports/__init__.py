"""Run folders -> tables and figures -> PDF and HTML. `build.build_report` is the one door; imports no torch.

statistics < reading < comparing < rendering < paper < sections: a room uses only those before it; statistics and
rendering use none. analyses, for `heatmark analyze`, uses rendering alone.
"""

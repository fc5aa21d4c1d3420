"""Run folders -> tables and figures -> PDF and HTML. `build.build_report` is the one door; imports no torch.

reading > statistics > comparing > rendering > paper > sections: each room uses only those before it, statistics none.
"""

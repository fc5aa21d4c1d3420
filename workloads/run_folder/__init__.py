"""The run folder `runs/<sweep>/<signature>/`: every file is a typed record, its writer and reader together.

For all that writes or reads one. folder.py says what is there. No torch.
"""

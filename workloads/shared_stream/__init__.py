"""One loader for the trials of a job: batches made once by a process of their own and read from shared memory.

serving.py is for whoever starts several trials on a node, client.py for the loader of a trial.
"""

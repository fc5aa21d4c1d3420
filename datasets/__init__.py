"""Files in native formats -> batches of crops; predictions -> metrics. Knows nothing of models."""

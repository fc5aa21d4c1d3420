"""The paper's Tables 1 to 15 beside ours, its printed numbers in paper.yaml; its figures are in figures/."""

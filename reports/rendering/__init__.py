"""What a report may hold (tables, figures, sheets) and how it is written: PDF, HTML, files. Knows no trial."""

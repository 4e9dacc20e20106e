"""Labels as other programs write them: a short file for each format."""

"""`make bench`: how fast, at what cost, and whether everything is still right at full load."""

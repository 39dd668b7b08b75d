"""Values that cross folders, and the tables that hold the truth."""

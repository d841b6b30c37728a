"""Files that hold their records in one document, unfolded into lines in constant memory."""

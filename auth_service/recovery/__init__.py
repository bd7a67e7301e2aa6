"""Getting back in: links that are sent by mail, to set a new password."""

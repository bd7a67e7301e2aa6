"""Recovery of a login: links in mails, to set a new password."""

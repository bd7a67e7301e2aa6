"""Pages before and during a login: the start page, links in mails, second factors and passkeys."""

"""The pages by which people get in: the start page, links in mails, second factors and passkeys."""

"""What the endpoints of this service share, whichever file they are in: the OpenAPI document."""

from shared.web.validation.openapi import make_api

api = make_api("Reports")

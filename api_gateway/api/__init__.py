"""The public REST API: forwarded requests, batched payments, its documentation."""

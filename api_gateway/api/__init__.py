"""The public REST API: forwarded requests, batched payments and their documentation."""

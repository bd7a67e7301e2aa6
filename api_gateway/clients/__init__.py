"""The four services as the gateway calls them, and what they answer."""

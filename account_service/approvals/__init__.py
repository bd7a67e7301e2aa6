"""Changes of customers' accounts that wait for a second person: what each carries out, and the endpoints to decide."""

"""Changes of people that wait for a second person: what each carries out, and the endpoints to decide."""

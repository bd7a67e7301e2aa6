"""Identity (know your customer): whether staff have verified who a customer is, by which document."""

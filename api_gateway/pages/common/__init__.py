"""What several pages use: responses, forms, filters, charts, navigation."""

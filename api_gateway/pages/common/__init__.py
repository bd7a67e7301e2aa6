"""Parts that several pages share: responses, forms, filters, charts, navigation."""

"""Cases: disputes of payments and questions, with the messages of customers and staff."""

"""The counter: cash that an employee takes in or pays out for a customer, with a till of their own."""

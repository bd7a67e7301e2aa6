"""Who is a customer, an employee or an admin, and what each employee may do: admins decide both."""

"""The endpoints of the auth service: who may call them, what they answer, what they refuse."""

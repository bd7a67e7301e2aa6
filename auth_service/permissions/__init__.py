"""What each employee may do: the role's permissions, which admins grant one by one."""

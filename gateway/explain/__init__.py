"""What an operation would ask of the database, without one."""

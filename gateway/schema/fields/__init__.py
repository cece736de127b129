"""The fields that are made of declarations: links and their connections, root fields, and events."""

"""Fields made from declarations: links and their connections, root fields, and events."""

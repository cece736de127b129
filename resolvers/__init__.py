"""The domains of the API. A module here is found by being here; nothing lists them."""

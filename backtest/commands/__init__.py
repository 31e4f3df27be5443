"""The commands, a module a group: thin doors that parse, call one function and print."""

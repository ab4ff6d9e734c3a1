"""Writes requests: prompts, reply schemas, rules and fences."""

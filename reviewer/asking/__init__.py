"""Sends the requests of a review to the model, and caches the answers."""

from reviewer.asking.ask import Replies, UnitReply, ask

__all__ = ["Replies", "UnitReply", "ask"]

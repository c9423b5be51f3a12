"""Calls of chats between an application and a target of a route that speak different wires.

The request is read into the canonical call and written as the target takes it; the answer comes back in chunks of
OpenAI's chat API, of which the events and objects of the application's own wire are made. What the other wire cannot
express is refused by name before anything is sent.
"""

"""Calls of any vendor's API passed through to it as they are, and recorded for the loop.

An application changes its base URL (`https://api.openai.com/v1` to `http://localhost:8000/openai/v1`) and nothing else.
"""

"""Messages and tools in the words of other vendors and tools, read into OpenAI's, which are the project's own."""

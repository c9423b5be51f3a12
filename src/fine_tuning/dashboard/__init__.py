"""The loop in a browser: the same doors as the command line and the API, on one screen."""

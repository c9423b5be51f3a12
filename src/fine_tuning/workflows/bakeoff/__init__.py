"""The bake-off: candidates trained and measured on captured calls beside the incumbent, and the cheapest not worse."""

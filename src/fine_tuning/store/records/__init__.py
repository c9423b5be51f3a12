"""What the store returns and takes: a TypedDict for each kind of row, so that a type checker sees a mistyped key."""

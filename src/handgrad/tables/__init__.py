"""Tables, pictures and texts: read, encoded, learned by estimators, reported."""

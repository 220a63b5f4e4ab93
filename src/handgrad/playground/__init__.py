"""The playground: nets that train in a page, and what it and Python share."""

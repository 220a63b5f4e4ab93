"""To look and to learn: explanations, the story, exercises, the playground."""

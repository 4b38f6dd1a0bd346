"""Picture sets: a folder of the user's, and the pictures of the demo."""

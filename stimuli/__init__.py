"""What is shown: pictures, their degradations, and the manifest of the stimuli."""

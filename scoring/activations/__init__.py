"""What a vision model makes of the stimuli: its weights, its units' activations, a unit's effect."""

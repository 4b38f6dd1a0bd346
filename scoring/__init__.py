"""What it means: judged answers, activations, metrics and alignment."""

"""Who sees what, when: the experiment and its participants."""

"""What a network is for."""
